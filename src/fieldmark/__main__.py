"""``python -m fieldmark``."""

from fieldmark.cli.main import main

main()
