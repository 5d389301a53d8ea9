"""A CSV with a photo a row: path and label, and as much more as is known."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from fieldmark.data.label_names import fold_name
from fieldmark.data.photos.photo_files import is_folder
from fieldmark.data.readers import register_reader
from fieldmark.data.readers._boxes import from_xywh
from fieldmark.data.readers._columns import (
    Columns,
    choose_columns,
    further_columns,
    label_columns,
    label_titles,
    looks_like_group,
    one_hot_columns,
    path_column,
)
from fieldmark.data.readers._find_photos import find_photos
from fieldmark.data.readers._splits import split_named
from fieldmark.data.readers._tables import Row, Table, is_table, read_header, read_table
from fieldmark.data.readers._tree import first_conflict
from fieldmark.errors import DataError
from fieldmark.structures import Box, Note, Question, Record, RecordList, Split

__all__ = ["TAXONOMY_COLUMNS", "read", "recognises", "tables_in"]

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


def recognises(root: Path) -> bool:
    """Whether `root` is a table, or a folder with one that names photos and classes."""
    return is_table(root) if root.is_file() else bool(_candidates(root, Columns()))


@register_reader("csv", recognises=recognises, before="image_folder")
def read(root: Path, columns: Columns | None = None) -> RecordList:
    """Read a table with a photo in each row.

    Args:
        root: The CSV (comma, semicolon or tab; UTF-8 or UTF-16) or ``metadata.jsonl``; the folder with it; or a folder
            whose ``train``, ``val`` and ``test`` have one each.
        columns: Columns of other names than the usual ones; see `fieldmark.data.readers._columns`.

    Returns:
        Records in the order of the rows; classes sorted by name. Ranks are the columns out of
        `TAXONOMY_COLUMNS`, coarsest (the one with the fewest names) first, without those that repeat the label.
        Rows without label are left out, and a line on stderr says so. Cells of further questions may be empty.

    Raises:
        DataError: A needed column is missing, a cell does not fit, or a name stands under two parents.
    """
    columns = columns or Columns()
    parts = [_Part(read_table(path), split, columns) for path, split in _choose(root, columns)]
    classes = sorted({label for part in parts for label in part.labels})
    ranks = _ranks(parts)
    further = _questions(parts)
    numbers = {name: label for label, name in enumerate(classes)}
    each = [list(part.records(numbers, ranks, further)) for part in parts]
    notes = [note for part in parts[:1] for note in part.notes()]
    photos = [record for own in each for record in own]
    sources = {
        column: {
            record.path: value
            for part, own in zip(parts, each, strict=True)
            for record, row in zip(own, part.rows, strict=True)
            if (value := row.cells.get(column))
        }
        for column in parts[0].unused_groups
    }
    return RecordList(
        photos,
        classes,
        name="csv",
        root=root,
        ranks=ranks,
        notes=notes,
        sources=sources,
        label_name=parts[0].label_name,
        further=further,
    )


class _Part:
    """A table, its columns, and its labelled rows."""

    def __init__(self, table: Table, split: Split | None, columns: Columns) -> None:
        self.table, self.split = table, split
        self.path_column, self.label_column, self.group_column = choose_columns(table, columns)
        self.further_columns = further_columns(table, columns)
        one_hot = one_hot_columns(table, self.path_column) if self.label_column is None else []
        labels = [_label(row, self.label_column, one_hot, table) for row in table.rows]
        self.rows = [row for row, label in zip(table.rows, labels, strict=True) if label]
        self.labels = [label for label in labels if label]
        if not self.rows:
            raise DataError(
                f"expected rows with a path and a label in {table.path}, found {len(labels)} rows without: add labels"
            )
        if len(self.rows) < len(labels):
            missing = "no label" if not self.further_columns else f"no {self.label_name}, the first column of labels"
            logger.warning(
                "left out %s rows of %s: they have %s", f"{len(labels) - len(self.rows):,}", table.path, missing
            )

    @property
    def label_name(self) -> str:
        return "label" if self.label_column is None else self.table.titles[self.label_column]

    def records(self, numbers: dict[str, int], ranks: list[str], further: Sequence[Question]) -> Iterator[Record]:
        path = self.table.path
        answers = [{name: label for label, name in enumerate(question.classes)} for question in further]
        files = find_photos(path, [_filled(row, self.path_column, path, "path") for row in self.rows])
        for row, label, file in zip(self.rows, self.labels, files, strict=True):
            yield Record(
                path=file,
                label=numbers[label],
                split=_split(row, path) or self.split,
                box=_box(row, path),
                taxonomy=tuple(fold_name(row.cells[rank]) for rank in ranks),
                group=(row.cells.get(self.group_column) or None) if self.group_column else None,
                further=tuple(
                    known.get(fold_name(row.cells.get(column, "")))
                    for known, column in zip(answers, self.further_columns, strict=True)
                ),
            )

    @property
    def unused_groups(self) -> list[str]:
        """The columns that look like groups, where none is used as one."""
        unused = [] if self.group_column else [name for name in self.table.titles if looks_like_group(self.table, name)]
        return [name for name in unused if name not in (self.path_column, self.label_column, *self.further_columns)]

    def notes(self) -> Iterator[Note]:
        """The columns that were chosen under other names than ours, and those that look like groups."""
        if (self.path_column, self.label_column) != _NEEDED:
            labels = f"labels from '{self.label_column}'" if self.label_column else "a class in each other column"
            message = f"{self.table.path.name} is read with photos from '{self.path_column}' and {labels}"
            action = "no action needed; --path-col and --label-col choose other columns"
            yield Note("columns", "note", message, 1, action)
        unused = self.unused_groups
        if unused:
            listed = ", ".join(f"'{name}'" for name in unused)
            noun = "column looks like a group" if len(unused) == 1 else "columns look like groups"
            yield Note(
                "unused_groups",
                "warning",
                f"{len(unused)} {noun} and may part between train and test: {listed}",
                len(unused),
                f"if photos with one value belong together, give --group-col {unused[0]}: a test on photos of known "
                "groups is easier than real use",
            )


def tables_in(folder: Path) -> list[Path]:
    """The tables directly in a folder."""
    return sorted(file for file in folder.iterdir() if is_table(file) and file.is_file())


def _candidates(folder: Path, columns: Columns) -> list[tuple[Path, Split | None]]:
    """The tables that name photos and classes, each with the split that its name or its folder means.

    ``labels.csv`` comes before others. Several tables belong together only as one for each split.
    """
    fitting = [file for file in tables_in(folder) if _fits(file, columns)]
    named = [file for file in fitting if file.name == "labels.csv"] or fitting
    if named:
        splits = [split_named(file.stem) for file in named]
        is_split = len(named) > 1 and None not in splits and len(set(splits)) == len(splits)
        return list(zip(named, splits if is_split else [None] * len(named), strict=True))
    below = sorted(path for path in folder.iterdir() if is_folder(path) and split_named(path.name))
    found = [(file, split_named(path.name)) for path in below for file in tables_in(path) if _fits(file, columns)]
    splits = [split for _, split in found]
    return found if len(set(splits)) == len(splits) else []


def _fits(file: Path, columns: Columns) -> bool:
    """Whether a table names photos and classes. Under other names than ours, a photo must be there, too."""
    header = read_header(file)
    if columns != Columns():
        labels = label_titles(columns.label, header)
        wanted = [name for name in (columns.path, *labels, columns.group) if name is not None]
        return all(name.strip().lower() in header for name in wanted)
    if set(_NEEDED) <= set(header):
        return True
    path = path_column(header)
    if path is None or len(header) < 2:
        return False
    if label_columns(name for name in header if name != path) is None and len(header) < 3:
        return False
    try:
        table = read_table(file)
        chosen, _, _ = choose_columns(table, columns)
        names = [row.cells[chosen] for row in table.rows if row.cells.get(chosen)]
        return any(photo.is_file() for photo in find_photos(file, names))
    except (DataError, OSError):
        return False


def _choose(root: Path, columns: Columns) -> list[tuple[Path, Split | None]]:
    if root.is_file():
        return [(root, None)]
    found = _candidates(root, columns)
    if not found and columns != Columns() and len(tables := tables_in(root)) == 1:
        return [(tables[0], None)]  # reading it says which column is missing
    if not found or (len(found) > 1 and None in [split for _, split in found]):
        listed = ", ".join(file.name for file, _ in found) or "none"
        raise DataError(f"expected one CSV with columns path and label in {root}, found {listed}: give the one to read")
    return found


def _label(row: Row, column: str | None, one_hot: list[str], table: Table) -> str:
    """The class of a row; empty where it has none."""
    if column is not None:
        return fold_name(row.cells.get(column, ""))
    return next((fold_name(table.titles[name]) for name in one_hot if float(row.cells[name])), "")


def _questions(parts: list[_Part]) -> list[Question]:
    """The questions after the first, with their answers sorted by name."""
    found = []
    for number, column in enumerate(parts[0].further_columns):
        cells = (row.cells.get(part.further_columns[number], "") for part in parts for row in part.rows)
        classes = sorted({name for cell in cells if (name := fold_name(cell))})
        if len(classes) < 2:
            held = f"only '{classes[0]}'" if classes else "none"
            raise DataError(
                f"expected at least two answers in the column '{column}' of {parts[0].table.path}, found {held}: "
                "leave it out of --label-col"
            )
        found.append(Question(parts[0].table.titles[column], tuple(classes)))
    return found


def _ranks(parts: list[_Part]) -> list[str]:
    """The columns with ancestors, coarsest first; a column of a further question is a rank, too, if it can be one."""
    rows = [(row, label, part.table.path) for part in parts for row, label in zip(part.rows, part.labels, strict=True)]
    used = {name for part in parts for name in (part.path_column, part.label_column, part.group_column)}
    columns = [name for name in TAXONOMY_COLUMNS if all(name in part.table.titles for part in parts)]
    columns = [name for name in columns if name not in used]
    columns = [name for name in columns if any(fold_name(row.cells.get(name, "")) != label for row, label, _ in rows)]
    asked = {name for part in parts for name in part.further_columns}
    columns = [name for name in columns if name not in asked or _is_rank(name, rows)]
    names = {name: {_filled(row, name, path) for row, _, path in rows} for name in columns}
    ranks = sorted(columns, key=lambda name: len(names[name]))
    conflict = first_conflict((*(fold_name(row.cells[name]) for name in ranks), label) for row, label, _ in rows)
    if conflict:
        level, name, one, other = conflict
        coarser, finer = ranks[level - 1], (*ranks, "label")[level]
        raise DataError(
            f"expected one {coarser} for the {finer} '{name}' in {rows[0][2]}, found '{one}' and '{other}': "
            "mend the rows, or rename the column if it is no taxonomy"
        )
    return ranks


def _is_rank(column: str, rows: Sequence[tuple[Row, str, Path]]) -> bool:
    """Whether each class has one name in a column that is always filled."""
    above: dict[str, str] = {}
    names = ((label, row.cells.get(column, "")) for row, label, _ in rows)
    return all(name and above.setdefault(label, name) == name for label, name in names)


def _filled(row: Row, column: str, path: Path, meaning: str | None = None) -> str:
    value = row.cells.get(column)
    if not value:
        raise DataError(f"expected a {meaning or column} in line {row.line} of {path}, found an empty cell: fill it in")
    return value


def _split(row: Row, path: Path) -> Split | None:
    value = row.cells.get("split")
    if not value:
        return None
    split = split_named(value)
    if split is None:
        raise DataError(
            f"expected train, val or test as split in line {row.line} of {path}, found '{value}': use one of the three"
        )
    return split


def _box(row: Row, path: Path) -> Box | None:
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


def _box_error(row: Row, path: Path, text: str) -> DataError:
    return DataError(
        f"expected a box of four numbers x1 y1 x2 y2 with x1 < x2 and y1 < y2 in line {row.line} of {path}, "
        f"found '{text}': mend the box, or leave its cells empty"
    )
