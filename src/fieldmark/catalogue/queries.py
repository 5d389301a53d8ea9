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
from fieldmark.data.readers._tables import Table, column_key, read_table
from fieldmark.errors import DataError, SettingError
from fieldmark.recognizer.inputs import PhotoInput, path_of

__all__ = ["Query", "Specimen", "group_queries", "read_list", "read_queries"]

STDIN = "-"
"""The path that stands for a list of photos on standard input."""

_TABLES = (".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class Query:
    """One photo to answer.

    Attributes:
        photo: A path, or a `WebPhoto`; None if a row of a table names no photo.
        name: The path or URL, for the answer.
        columns: Title -> cell of the row that named the photo.
        error: Why there is no photo.
        group: The specimen, where a table has a column ``group``.
    """

    photo: PhotoInput | None
    name: str
    columns: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Specimen:
    """Several photos that get one answer.

    Attributes:
        group: Name of the specimen.
        photos: Its photos.
        columns: Title -> cell, for the columns that have the same cell in all rows of the specimen.
    """

    group: str | None
    photos: list[PhotoInput]
    columns: Mapping[str, str] = field(default_factory=dict)


def read_queries(
    names: Sequence[str],
    *,
    path_col: str | None = None,
    group_col: str | None = None,
    allow_urls: bool = False,
    limits: WebLimits | None = None,
) -> list[Query]:
    """Return the photos of paths, folders, tables and URLs in their order. A named file need not look like a photo.

    Args:
        names: A table (``.csv`` or ``.tsv``) has a row for each photo, with paths relative to the table.
        path_col: The column of a table that names the photo, where it has no usual name.
        group_col: The column of a table that names the specimen, where it is not ``group``.
        allow_urls: Whether photos may be fetched from the web.
        limits: Bounds of what that may cost.

    Raises:
        DataError: A folder holds no photos, or a table cannot be used.
        SettingError: A URL is named without `allow_urls`, or there are too many.
    """
    limits = limits or WebLimits()
    named = _ReadAs(path_col, group_col, limits)
    queries = [query for name in names for query in _named(name, named)]
    if group_col is not None and all(query.group is None for query in queries):
        raise SettingError(f"--group-col names the column '{group_col}' of a table, but no table was given")
    web = [query for query in queries if isinstance(query.photo, WebPhoto)]
    if web and not allow_urls:
        raise SettingError(f"{web[0].name} is a URL, and photos are fetched only on request: add --allow-urls")
    if len(web) > limits.count:
        raise SettingError(
            f"the input names {len(web):,} URLs, but at most {limits.count:,} photos are fetched in one run: "
            "raise --max-urls or give fewer"
        )
    return queries


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


def group_queries(queries: Sequence[Query], *, same: bool = False) -> list[Specimen] | None:
    """Return specimens of queries that name a group, in their order; None if each photo gets an answer of its own.

    Args:
        queries: From `read_queries`.
        same: All photos show one specimen.

    Raises:
        SettingError: The queries name groups although all photos show one specimen, or only some of them do.
        DataError: One specimen is made of rows of which one names no photo.
    """
    groups: dict[str | None, list[Query]] = {}
    for query in queries:
        groups.setdefault(query.group, []).append(query)
    if not same and list(groups) == [None]:
        return None
    if (None in groups and (len(groups) > 1 or not same)) or (same and None not in groups):
        raise SettingError(
            "a table with a column 'group' names the specimens itself: give no other path and leave out --same-specimen"
        )
    for query in queries:
        if query.photo is None:
            raise DataError(f"{query.error}")
    return [
        Specimen(
            group, [one.photo for one in several if one.photo is not None], _shared([one.columns for one in several])
        )
        for group, several in groups.items()
    ]


@dataclass(frozen=True, slots=True)
class _ReadAs:
    """Columns of tables, and bounds of what photos from the web may cost."""

    path_col: str | None
    group_col: str | None
    limits: WebLimits


def _named(name: str, how: _ReadAs) -> Iterator[Query]:
    path = Path(name)
    if name == STDIN:
        yield from (query for line in read_list(STDIN) for query in _named(line, how))
    elif is_url(name):
        yield Query(WebPhoto(name, how.limits), name)
    elif path.suffix.lower() in _TABLES:
        yield from _rows(path, how)
    elif is_folder(path):
        found = photos_below(path)
        if not found:
            raise DataError(f"the folder {path} holds no photos; name a folder or a file with photos")
        yield from (Query(photo, str(photo)) for photo in found)
    else:
        yield Query(path, str(path))


def _rows(file: Path, how: _ReadAs) -> Iterator[Query]:
    table, column = _open(file, how.path_col)
    group_column = _group_column(file, table, how.group_col)
    cells = [row.cells[column] for row in table.rows]
    files = iter(find_photos(file, [cell for cell in cells if cell and not is_url(cell)]))
    for row, cell in zip(table.rows, cells, strict=True):
        carried = {title: row.cells.get(key, "") for key, title in table.titles.items() if key}
        group = row.cells.get(group_column, "") if group_column is not None else None
        if group is not None and not (cell and group):
            raise DataError(f"expected a path and a group in line {row.line} of {file}, but one is empty; fill it in")
        if not cell:
            title = table.titles[column]
            yield Query(None, "", carried, f"line {row.line} of {file} names no photo: fill in the column '{title}'")
            continue
        photo: PhotoInput = WebPhoto(cell, how.limits) if is_url(cell) else next(files)
        yield Query(photo, str(path_of(photo)), carried, group=group)


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


def _group_column(file: Path, table: Table, group_col: str | None) -> str | None:
    """Return the column that names the specimen: the named one, or else ``group`` where the table has it."""
    if group_col is None:
        return "group" if "group" in table.titles else None
    column = column_key(group_col)
    if column not in table.titles:
        listed = ", ".join(filter(None, table.titles.values())) or "none"
        raise DataError(f"expected a column '{group_col}' in {file}, but it has: {listed}; correct --group-col")
    return column


def _shared(rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Return title -> cell for the columns whose cells are equal in all rows; others get an empty cell."""
    return {title: cell if all(row.get(title) == cell for row in rows) else "" for title, cell in rows[0].items()}
