"""A CSV of labels, ``path,label``, that grows while a person labels photos and that ``fit`` reads."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path

from fieldmark.atomic import atomic_file
from fieldmark.data.label_names import fold_name
from fieldmark.data.readers._tables import read_table
from fieldmark.errors import DataError

__all__ = ["place_of", "read_labels", "write_labels"]

_COLUMNS = ("path", "label")


def read_labels(file: Path) -> dict[Path, str]:
    """Return the class of each photo in a CSV; empty where there is no file yet.

    Raises:
        DataError: The file has no columns ``path`` and ``label``.
    """
    if not file.is_file():
        return {}
    table = read_table(file)
    if not set(_COLUMNS) <= set(table.titles):
        raise DataError(
            f"expected the columns path and label in {file}, found {', '.join(table.titles.values()) or 'none'}: "
            "name another file"
        )
    folder = _real(file).parent
    return {
        place_of(folder / row.cells["path"]): fold_name(row.cells["label"])
        for row in table.rows
        if row.cells["path"] and row.cells["label"]
    }


def write_labels(file: Path, labels: Mapping[Path, str]) -> None:
    """Write the labels, all of them or none. Paths are relative to the file's folder, so that both can be moved.

    Args:
        file: The CSV.
        labels: Photo -> class, in the order of the rows.
    """
    folder = _real(file).parent
    with atomic_file(file) as draft, draft.open("w", newline="", encoding="utf-8", errors="surrogateescape") as stream:
        writer = csv.writer(stream)
        writer.writerow(_COLUMNS)
        writer.writerows((_relative(photo, folder), label) for photo, label in labels.items())


def place_of(photo: Path) -> Path:
    """Return the absolute path of a photo: its folder without links, and its own name, also where that is a link."""
    return Path(os.path.realpath(photo.parent)) / photo.name


def _relative(photo: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(photo, folder)).as_posix()
    except ValueError:  # another drive
        return photo.as_posix()


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
