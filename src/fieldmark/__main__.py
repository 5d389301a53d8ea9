"""``python -m fieldmark``."""

from fieldmark.cli.main import main

if __name__ == "__main__":  # a process that training starts imports this file, too
    main()
