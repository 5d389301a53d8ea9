"""The photos that a person asks about: paths, folders, lists, tables and URLs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fieldmark.data.photos.photo_files import is_folder, photos_below
from fieldmark.data.photos.web_photo import WebLimits, WebPhoto, is_url
from fieldmark.data.readers._columns import path_column
from fieldmark.data.readers._find_photos import find_photos
from fieldmark.data.readers._tables import Row, Table, column_key, read_table
from fieldmark.errors import DataError, SettingError
from fieldmark.recognizer.inputs import PhotoInput

__all__ = ["Question", "Specimen", "read_list", "read_questions", "read_specimens"]

STDIN = "-"
"""The path that stands for a list of photos on standard input."""

_TABLES = (".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class Question:
    """One photo to answer.

    Attributes:
        photo: A path, or a `WebPhoto`; None if a row of a table names no photo.
        name: The path or URL, for the answer.
        columns: Title -> cell of the row that named the photo.
        error: Why there is no photo.
    """

    photo: PhotoInput | None
    name: str
    columns: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Specimen:
    """Several photos that get one answer.

    Attributes:
        group: Name of the specimen.
        photos: Its photos.
        columns: Title -> cell, for the columns that have the same cell in all rows of the specimen.
    """

    group: str | None
    photos: list[Path]
    columns: Mapping[str, str] = field(default_factory=dict)


def read_questions(
    names: Sequence[str], *, path_col: str | None = None, allow_urls: bool = False, limits: WebLimits | None = None
) -> list[Question]:
    """Return the photos of paths, folders, tables and URLs in their order. A named file need not look like a photo.

    Args:
        names: A table (``.csv`` or ``.tsv``) has a row for each photo, with paths relative to the table.
        path_col: The column of a table that names the photo, where it has no usual name.
        allow_urls: Whether photos may be fetched from the web.
        limits: Bounds of what that may cost.

    Raises:
        DataError: A folder holds no photos, or a table cannot be used.
        SettingError: A URL is named without `allow_urls`, or there are too many.
    """
    limits = limits or WebLimits()
    questions = [question for name in names for question in _named(name, path_col, limits)]
    web = [question for question in questions if isinstance(question.photo, WebPhoto)]
    if web and not allow_urls:
        raise SettingError(f"{web[0].name} is a URL, and photos are fetched only on request: add --allow-urls")
    if len(web) > limits.count:
        raise SettingError(
            f"the input names {len(web):,} URLs, but at most {limits.count:,} photos are fetched in one run: "
            "raise --max-urls or give fewer"
        )
    return questions


def read_list(source: str) -> list[str]:
    """Return the lines of a list of photos; `STDIN` reads standard input. NUL also ends a line, as in ``find -print0``.

    Relative paths in a file are relative to its folder.

    Raises:
        DataError: The list cannot be read or is empty.
    """
    try:
        content = sys.stdin.buffer.read() if source == STDIN else Path(source).read_bytes()
    except OSError as error:
        raise DataError(f"expected a list of photos, but {source} cannot be read: {error.strerror}") from None
    end = b"\0" if b"\0" in content else b"\n"
    lines = [os.fsdecode(line.removesuffix(b"\r")) for line in content.removeprefix(b"\xef\xbb\xbf").split(end)]
    names = [line for line in lines if line.strip()]
    if not names:
        where = "standard input" if source == STDIN else source
        raise DataError(f"expected a list of photos in {where}, but it is empty: put one path on each line")
    if source == STDIN:
        return names
    return [name if is_url(name) else str(Path(source).parent / name) for name in names]


def read_specimens(file: Path, path_col: str | None = None) -> list[Specimen] | None:
    """Return the specimens of a table with a column ``group``; None if it has none.

    Raises:
        DataError: The table cannot be read, or a cell of its path or group is empty.
    """
    table, column = _open(file, path_col)
    if "group" not in table.titles:
        return None
    rows: dict[str, list[Row]] = {}
    for row in table.rows:
        if not row.cells[column] or not row.cells["group"]:
            raise DataError(f"expected a path and a group in line {row.line} of {file}, but one is empty; fill it in")
        rows.setdefault(row.cells["group"], []).append(row)
    return [
        Specimen(group, find_photos(file, [row.cells[column] for row in of_group]), _shared(table, of_group))
        for group, of_group in rows.items()
    ]


def _named(name: str, path_col: str | None, limits: WebLimits) -> Iterator[Question]:
    path = Path(name)
    if name == STDIN:
        yield from (question for line in read_list(STDIN) for question in _named(line, path_col, limits))
    elif is_url(name):
        yield Question(WebPhoto(name, limits), name)
    elif path.suffix.lower() in _TABLES:
        yield from _rows(path, path_col, limits)
    elif is_folder(path):
        found = photos_below(path)
        if not found:
            raise DataError(f"the folder {path} holds no photos; name a folder or a file with photos")
        yield from (Question(photo, str(photo)) for photo in found)
    else:
        yield Question(path, str(path))


def _rows(file: Path, path_col: str | None, limits: WebLimits) -> Iterator[Question]:
    table, column = _open(file, path_col)
    cells = [row.cells[column] for row in table.rows]
    files = iter(find_photos(file, [cell for cell in cells if cell and not is_url(cell)]))
    for row, cell in zip(table.rows, cells, strict=True):
        carried = _shared(table, [row])
        if not cell:
            title = table.titles[column]
            yield Question(None, "", carried, f"line {row.line} of {file} names no photo: fill in the column '{title}'")
        elif is_url(cell):
            yield Question(WebPhoto(cell, limits), cell, carried)
        else:
            photo = next(files)
            yield Question(photo, str(photo), carried)


def _open(file: Path, path_col: str | None) -> tuple[Table, str]:
    """Return a table and the column that names the photo."""
    try:
        table = read_table(file)
    except OSError as error:
        raise DataError(f"expected a table of photos, but {file} cannot be read: {error.strerror}") from None
    column = path_column(table.titles) if path_col is None else column_key(path_col)
    listed = ", ".join(filter(None, table.titles.values())) or "none"
    if path_col is not None and column not in table.titles:
        raise DataError(f"expected a column '{path_col}' in {file}, but it has: {listed}; correct --path-col")
    if column is None:
        raise DataError(f"expected a column 'path' in {file}, but it has: {listed}; name the column with --path-col")
    if not table.rows:
        raise DataError(f"expected photos in {file}, but it has no rows; add some")
    return table, column


def _shared(table: Table, rows: Sequence[Row]) -> dict[str, str]:
    """Return title -> cell for the columns whose cells are equal in all rows; others get an empty cell."""
    cells = {column: {row.cells.get(column, "") for row in rows} for column in table.titles if column}
    return {table.titles[column]: (min(found) if len(found) == 1 else "") for column, found in cells.items()}
