"""Annotation files of plain text: whitespace-separated columns, one row a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from fieldmark.errors import DataError

__all__ = ["four_numbers", "lookup", "read_rows", "read_text", "table"]

K = TypeVar("K")
V = TypeVar("V")


def read_text(path: Path) -> str:
    """The whole text of a UTF-8 file.

    Raises:
        DataError: The file is missing or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"expected the file {path}, found none: unpack the annotations completely") from None
    except UnicodeDecodeError:
        raise DataError(f"expected UTF-8 text in {path}, found other bytes: save the file as UTF-8") from None


def read_rows(path: Path, columns: int, *, comment: str = "\0") -> Iterator[list[str]]:
    """Rows of a file whose columns are separated by white space; the last column keeps the spaces inside it.

    Args:
        path: The file.
        columns: How many columns each row has.
        comment: Lines that start with it are skipped, as blank lines are.

    Raises:
        DataError: A row has fewer columns.
    """
    # Not str.splitlines, which also breaks at characters that may stand inside a name.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        row = line.split(None, columns - 1)
        if not row or row[0].startswith(comment):
            continue
        if len(row) < columns:
            raise DataError(f"expected {columns} columns in line {number} of {path}, found '{line.strip()}': mend it")
        row[-1] = row[-1].rstrip()
        yield row


def table(path: Path, *, comment: str = "\0") -> dict[str, str]:
    """A file of two columns: an id, and what belongs to it (which may hold spaces)."""
    return dict(read_rows(path, 2, comment=comment))


def four_numbers(path: Path) -> dict[str, tuple[float, float, float, float]]:
    """A file of an id and four numbers a row.

    Raises:
        DataError: A value is no number.
    """
    try:
        return {key: (float(a), float(b), float(c), float(d)) for key, a, b, c, d in read_rows(path, 5)}
    except ValueError as error:
        raise DataError(f"expected an id and four numbers a line in {path}, found {error}: mend the line") from None


def lookup(entries: Mapping[K, V], key: K, path: Path) -> V:
    """The entry of an id that another file names.

    Raises:
        DataError: `path`, the file that `entries` was read from, does not have the id.
    """
    try:
        return entries[key]
    except KeyError:
        raise DataError(
            f"expected an entry for id {key} in {path}, found none: the files do not belong together"
        ) from None
