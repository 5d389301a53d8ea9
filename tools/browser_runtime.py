"""Fetch onnxruntime-web for the tests of the exported page; without npm they skip, and this says so."""

from __future__ import annotations

import sys
from pathlib import Path

from fieldmark.errors import SettingError
from fieldmark.export.browser_runtime import fetch_runtime


def main() -> None:
    try:
        fetch_runtime(Path(sys.argv[1]))
    except SettingError as error:
        print(f"the exported page cannot be tested in a browser: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
