"""Tables with a header: CSV as spreadsheets write it, and JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from fieldmark.errors import DataError

__all__ = ["Row", "Table", "column_key", "is_table", "read_header", "read_table"]

_DELIMITERS = ",;\t"
_SUFFIXES = (".csv", ".tsv")
_JSON_LINES = "metadata.jsonl"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_PEEK = 65_536


@dataclass(frozen=True, slots=True)
class Row:
    """A row's cells by column, and the line that it stands in."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it was read.

    Attributes:
        path: The file.
        titles: Column -> title as the file writes it. Columns are in lower case.
        rows: Without empty ones.
    """

    path: Path
    titles: Mapping[str, str]
    rows: Sequence[Row]


def is_table(path: Path) -> bool:
    """Whether the file's name is that of a table."""
    return path.suffix.lower() in _SUFFIXES or path.name == _JSON_LINES


def column_key(title: str) -> str:
    """A column's title in lower case, without the blanks around it."""
    return title.strip().lower()


def read_header(path: Path) -> list[str]:
    """The columns of a table, from its first line; of JSON lines the keys of the first object."""
    with path.open("rb") as file:
        head = file.read(_PEEK)
    if head.startswith(_UTF16_MARKS):
        head = head[: len(head) // 2 * 2]
        text = head.decode("utf-16", errors="replace")
    else:
        text = head.decode("utf-8-sig", errors="replace")
    if path.name == _JSON_LINES:
        return [column_key(key) for key in _json_object(text.partition("\n")[0]) or {}]
    return [column_key(title) for title in _first_row(text)[0]]


def read_table(path: Path) -> Table:
    """Read a whole table.

    Raises:
        DataError: The text has an unknown encoding, a column stands twice, or a line does not fit.
    """
    text = _decode(path)
    if path.name == _JSON_LINES:
        return _from_json_lines(path, text)
    titles, delimiter, skipped = _first_row(text)
    columns = [column_key(title) for title in titles]
    twice = next((name for name in columns if name and columns.count(name) > 1), None)
    if twice:
        raise DataError(f"expected every column once in {path}, found '{twice}' twice: rename one of them")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for _ in range(skipped + 1):
            next(reader, None)
        rows = [Row(reader.line_num, _cells(columns, cells, reader.line_num, path)) for cells in reader if any(cells)]
    except csv.Error as error:
        raise DataError(f"expected a CSV at {path}, found {error}: mend line {reader.line_num}") from None
    return Table(path, dict(zip(columns, (title.strip() for title in titles), strict=True)), rows)


def _decode(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-16" if data.startswith(_UTF16_MARKS) else "utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(
            f'expected UTF-8 text in {path}, found other bytes: save the file as UTF-8 (in Excel: Save As, "CSV UTF-8")'
        ) from None


def _first_row(text: str) -> tuple[list[str], str, int]:
    """The titles, the delimiter, and how many lines before the titles are no part of the table (Excel's ``sep=;``)."""
    first, _, rest = text.partition("\n")
    if first.strip().strip('"').lower().startswith("sep=") and len(first.strip().strip('"')) <= 5:
        sign = first.strip().strip('"')[4:] or "\t"
        return _split_line(rest.partition("\n")[0], sign), sign, 1
    splits = [(_split_line(first, sign), sign) for sign in _DELIMITERS]
    titles, sign = max(splits, key=lambda split: len(split[0]))
    return titles, sign, 0


def _split_line(line: str, delimiter: str) -> list[str]:
    """The cells of a line; none where it is no line of a table."""
    try:
        return next(csv.reader(io.StringIO(line, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return []


def _cells(columns: list[str], cells: list[str], line: int, path: Path) -> dict[str, str]:
    """The cells of a row by column; cells missing at its end are empty."""
    if any(cells[len(columns) :]):
        raise DataError(
            f"expected {len(columns)} cells in line {line} of {path}, found {len(cells)}: put quotes around a "
            "cell that holds the delimiter"
        )
    return {name: cell.strip() for name, cell in zip_longest(columns, cells[: len(columns)], fillvalue="")}


def _from_json_lines(path: Path, text: str) -> Table:
    rows: list[Row] = []
    titles: dict[str, str] = {}
    for line, entry in enumerate(text.split("\n"), start=1):
        if not entry.strip():
            continue
        found = _json_object(entry)
        if found is None:
            raise DataError(f"expected a JSON object in line {line} of {path}, found '{entry[:40]}': mend the line")
        titles |= {column_key(key): key for key in found}
        rows.append(Row(line, {column_key(key): _as_cell(value) for key, value in found.items()}))
    return Table(path, titles, rows)


def _json_object(line: str) -> dict[str, object] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _as_cell(value: object) -> str:
    if value is None:
        return ""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value).strip()
