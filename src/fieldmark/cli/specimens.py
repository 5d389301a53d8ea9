"""The photos of each specimen, from a CSV."""

from __future__ import annotations

import csv
from pathlib import Path

from fieldmark.errors import DataError

__all__ = ["read_specimens"]


def read_specimens(file: Path) -> dict[str, list[Path]]:
    """Return specimen -> photos from a CSV with the columns ``path`` and ``group``; paths are relative to the file.

    Raises:
        DataError: It cannot be read, lacks a column or a cell, or has no rows.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.DictReader(opened)
            columns, rows = reader.fieldnames or [], list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"expected a CSV with the columns path and group, but {file} cannot be read: {error}") from None
    if not {"path", "group"} <= set(columns):
        raise DataError(f"expected the columns path and group in {file}, but it has: {', '.join(columns) or 'none'}")
    specimens: dict[str, list[Path]] = {}
    for line, row in enumerate(rows, start=2):
        if not row["path"] or not row["group"]:
            raise DataError(f"expected a path and a group in line {line} of {file}, but one is empty; fill it in")
        specimens.setdefault(row["group"], []).append(file.parent / row["path"])
    if not specimens:
        raise DataError(f"expected photos in {file}, but it has no rows; add some")
    return specimens
