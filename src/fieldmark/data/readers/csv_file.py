"""A CSV with a photo a row: path and label, and as much more as is known."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from fieldmark.data.readers import register_reader
from fieldmark.data.readers._boxes import from_xywh
from fieldmark.data.readers._splits import split_named
from fieldmark.data.readers._text import read_text
from fieldmark.data.readers._tree import first_conflict
from fieldmark.errors import DataError
from fieldmark.structures import Box, Record, RecordList, Split

__all__ = ["TAXONOMY_COLUMNS", "read", "recognises"]

logger = logging.getLogger(__name__)

TAXONOMY_COLUMNS = (
    *("kingdom", "phylum", "class", "order", "family", "subfamily", "tribe", "genus", "species"),
    *("supercategory", "superclass", "category", "coarse_label"),
    *("manufacturer", "make", "brand", "model"),
    *("grandparent", "parent"),
)
"""Columns that name ancestors of the label. Of two with equally many names the earlier one is the coarser."""

_NEEDED = ("path", "label")
_BOX_COLUMNS = ("box_x1", "box_y1", "box_x2", "box_y2")
_DELIMITERS = ",;\t"
_SUFFIXES = {".csv", ".tsv"}


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: Mapping[str, str]


def recognises(root: Path) -> bool:
    """Whether `root` is a CSV, or a folder with one that has the columns path and label."""
    return root.suffix.lower() in _SUFFIXES if root.is_file() else bool(_candidates(root))


@register_reader("csv", recognises=recognises, before="image_folder")
def read(root: Path) -> RecordList:
    """Read a CSV with columns ``path``, ``label`` and, where known, ``split``, ``group``, box and ancestors.

    Args:
        root: The CSV (comma, semicolon or tab; UTF-8), or the folder with it. Paths are relative to the CSV's
            folder.

    Returns:
        Records in the order of the rows; classes sorted by name. Ranks are the columns out of
        `TAXONOMY_COLUMNS`, coarsest (the one with the fewest names) first, without such as repeat the label.
        Rows without label are left out, which a line on stderr tells.

    Raises:
        DataError: A needed column is missing, a cell does not fit, or a name stands under two parents.
    """
    path = _choose(root)
    rows = _labelled(_read_rows(path), path)
    ranks = _ranks(rows, path)
    classes = sorted({row.cells["label"] for row in rows})
    labels = {name: label for label, name in enumerate(classes)}
    photos = [
        Record(
            path=path.parent / _filled(row, "path", path).replace("\\", "/"),
            label=labels[row.cells["label"]],
            split=_split(row, path),
            box=_box(row, path),
            taxonomy=tuple(row.cells[rank] for rank in ranks),
            group=row.cells.get("group") or None,
        )
        for row in rows
    ]
    return RecordList(photos, classes, name="csv", root=root, ranks=ranks)


def _candidates(folder: Path) -> list[Path]:
    """The CSVs in a folder that have the needed columns; ``labels.csv`` alone where it is one of them."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES and file.is_file())
    fitting = [file for file in files if set(_NEEDED) <= set(_header(file)[0])]
    return [file for file in fitting if file.name == "labels.csv"] or fitting


def _choose(root: Path) -> Path:
    if root.is_file():
        return root
    files = _candidates(root)
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or "none"
        raise DataError(f"expected one CSV with columns path and label in {root}, found {found}: give the one to read")
    return files[0]


def _header(path: Path) -> tuple[list[str], str]:
    """Column names in lower case, and the delimiter that separates them."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        line = file.readline()
    splits = [(_names(next(csv.reader([line], delimiter=sign), [])), sign) for sign in _DELIMITERS]
    return max(splits, key=lambda split: len(split[0]))


def _names(cells: Sequence[str]) -> list[str]:
    return [cell.strip().lower() for cell in cells]


def _read_rows(path: Path) -> list[_Row]:
    columns, delimiter = _header(path)
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise DataError(
            f"expected columns path and label in {path}, found {', '.join(filter(None, columns)) or 'none'}: "
            f"add {' and '.join(missing)}"
        )
    twice = next((name for name in columns if name and columns.count(name) > 1), None)
    if twice:
        raise DataError(f"expected every column once in {path}, found '{twice}' twice: rename one of them")
    reader = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=delimiter)
    next(reader)
    try:
        rows = [(reader.line_num, cells) for cells in reader if any(cells)]
    except csv.Error as error:
        raise DataError(f"expected a CSV at {path}, found {error}: mend line {reader.line_num}") from None
    return [_Row(line, _cells(columns, cells, line, path)) for line, cells in rows]


def _cells(columns: list[str], cells: list[str], line: int, path: Path) -> dict[str, str]:
    """The cells of a row by column; cells missing at its end are empty."""
    if any(cells[len(columns) :]):
        raise DataError(
            f"expected {len(columns)} cells in line {line} of {path}, found {len(cells)}: put quotes around a "
            "cell that holds the delimiter"
        )
    return {name: cell.strip() for name, cell in zip_longest(columns, cells[: len(columns)], fillvalue="")}


def _labelled(rows: list[_Row], path: Path) -> list[_Row]:
    labelled = [row for row in rows if row.cells.get("label")]
    if not labelled:
        raise DataError(f"expected rows with a path and a label in {path}, found {len(rows)} rows without: add labels")
    if len(labelled) < len(rows):
        logger.warning(f"left out {len(rows) - len(labelled):,} rows of {path}: they have no label")
    return labelled


def _ranks(rows: list[_Row], path: Path) -> list[str]:
    """The columns with ancestors, coarsest first."""
    columns = [name for name in TAXONOMY_COLUMNS if name in rows[0].cells]
    columns = [name for name in columns if any(row.cells.get(name) != row.cells["label"] for row in rows)]
    names = {name: {_filled(row, name, path) for row in rows} for name in columns}
    ranks = sorted(columns, key=lambda name: len(names[name]))
    conflict = first_conflict(tuple(row.cells[name] for name in (*ranks, "label")) for row in rows)
    if conflict:
        level, name, one, other = conflict
        coarser, finer = ranks[level - 1], (*ranks, "label")[level]
        raise DataError(
            f"expected one {coarser} for the {finer} '{name}' in {path}, found '{one}' and '{other}': "
            "mend the rows, or rename the column if it is no taxonomy"
        )
    return ranks


def _filled(row: _Row, column: str, path: Path) -> str:
    value = row.cells.get(column)
    if not value:
        raise DataError(f"expected a {column} in line {row.line} of {path}, found an empty cell: fill it in")
    return value


def _split(row: _Row, path: Path) -> Split | None:
    value = row.cells.get("split")
    if not value:
        return None
    split = split_named(value)
    if split is None:
        raise DataError(
            f"expected train, val or test as split in line {row.line} of {path}, found '{value}': use one of the three"
        )
    return split


def _box(row: _Row, path: Path) -> Box | None:
    """A box out of ``box``, ``box_xywh`` or four columns; none where its cells are empty."""
    text = " ".join(filter(None, (row.cells.get(name) for name in ("box", "box_xywh", *_BOX_COLUMNS))))
    if not text:
        return None
    try:
        a, b, c, d = (float(number) for number in text.replace(",", " ").split())
    except ValueError:
        raise _box_error(row, path, text) from None
    box = from_xywh(a, b, c, d) if row.cells.get("box_xywh") else (a, b, c, d)
    if not (box[2] > box[0] and box[3] > box[1]):
        raise _box_error(row, path, text)
    return box


def _box_error(row: _Row, path: Path, text: str) -> DataError:
    return DataError(
        f"expected a box of four numbers x1 y1 x2 y2 with x1 < x2 and y1 < y2 in line {row.line} of {path}, "
        f"found '{text}': mend the box, or leave its cells empty"
    )
