"""Which column of a table names the photo, which the class, and which the group."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from fieldmark.data.readers._tables import Row, Table, column_key
from fieldmark.errors import DataError

__all__ = [
    "Columns",
    "choose_columns",
    "further_columns",
    "label_columns",
    "label_titles",
    "looks_like_group",
    "one_hot_columns",
    "path_column",
]

PATH_NAMES = (
    *("path", "filepath", "file_path", "image_path", "img_path", "photo_path"),
    *("filename", "file_name", "image_name", "img_name", "photo_name", "image_file", "file", "image", "img", "photo"),
    *("picture", "image_id", "img_id", "photo_id", "picture_id", "isic_id", "uuid", "id"),
)
"""Columns that name a photo, the surest first."""

LABEL_NAMES = (
    *("label", "class_name", "class_label", "label_name", "species", "breed", "variety", "cultivar", "sku", "product"),
    *("category_name", "category", "class", "dx", "diagnosis", "target"),
)
"""Columns that name a class, the finest first."""

_GROUP_WORDS = frozenset(
    (
        *("patient", "lesion", "specimen", "individual", "animal", "subject", "person", "sender", "user", "owner"),
        *("observer", "photographer", "author", "sequence", "seq", "burst", "video", "clip", "session", "visit"),
        *("location", "site", "station", "camera", "plot", "tree", "plant", "case", "slide", "donor", "group"),
    )
)
_NUMBERS = frozenset(("0", "1", "0.0", "1.0"))


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns that a user names; None: find it by its name. `label` may name several, with commas."""

    path: str | None = None
    label: str | None = None
    group: str | None = None


def path_column(columns: Iterable[str]) -> str | None:
    """The column that names the photo."""
    return _first(PATH_NAMES, columns)


def label_columns(columns: Iterable[str]) -> str | None:
    """The column that names the class."""
    return _first(LABEL_NAMES, columns)


def choose_columns(table: Table, wanted: Columns) -> tuple[str, str | None, str | None]:
    """The columns for photo, class (None where classes are columns themselves) and group (None where there is none).

    Raises:
        DataError: The table lacks a column.
    """
    chosen = {}
    first = next(iter(label_titles(wanted.label, table.titles)), None)
    for option, title in (("path", wanted.path), ("label", first), ("group", wanted.group)):
        if title is not None and column_key(title) not in table.titles:
            raise DataError(
                f"expected a column '{title}' in {table.path}, found {_listed(table)}: correct --{option}-col"
            )
        chosen[option] = None if title is None else column_key(title)
    path = chosen["path"] or path_column(table.titles)
    label = chosen["label"] or label_columns(name for name in table.titles if name != path)
    group = chosen["group"] or ("group" if "group" in table.titles else None)
    if path is not None and label is None and one_hot_columns(table, path):
        return path, None, group
    missing = [name for name, column in (("path", path), ("label", label)) if column is None]
    if path is None or missing:
        raise DataError(
            f"expected columns path and label in {table.path}, found {_listed(table)}: add {' and '.join(missing)}"
            + (", or name the columns with --path-col and --label-col" if table.titles else "")
        )
    return path, label, group


def label_titles(wanted: str | None, columns: Container[str]) -> list[str]:
    """The titles in ``--label-col``. A column whose title holds commas is named alone."""
    if wanted is None:
        return []
    if column_key(wanted) in columns:
        return [wanted]
    return [title for part in wanted.split(",") if (title := part.strip())] or [wanted]


def further_columns(table: Table, wanted: Columns) -> tuple[str, ...]:
    """The columns of the questions after the first.

    Raises:
        DataError: The table lacks a column, or one is named twice.
    """
    keys = [column_key(title) for title in label_titles(wanted.label, table.titles)]
    for key in keys[1:]:
        if key not in table.titles:
            raise DataError(f"expected a column '{key}' in {table.path}, found {_listed(table)}: correct --label-col")
        if keys.count(key) > 1:
            raise DataError(f"--label-col names the column '{key}' of {table.path} twice: name each column once")
    return tuple(keys[1:])


def one_hot_columns(table: Table, path: str) -> list[str]:
    """The columns that are classes themselves: each row has a 1 in one of them and 0 in the others."""
    names = [name for name in table.titles if name not in (path, "split", "group") and name]
    rows = table.rows
    if len(names) < 2 or not rows:
        return []
    is_one_hot = all(_is_one_hot(row, names) for row in rows)
    used = any(float(row.cells[name]) for row in rows for name in names) if is_one_hot else False
    return names if used else []


def looks_like_group(table: Table, column: str) -> bool:
    """Whether a column that nobody named a group has the name of one, and puts several photos together."""
    words = set(re.split(r"[^a-z]+", column))
    if not words & _GROUP_WORDS:
        return False
    values = [row.cells.get(column) for row in table.rows]
    filled = [value for value in values if value]
    return 1 < len(set(filled)) < len(filled)


def _first(names: Sequence[str], columns: Iterable[str]) -> str | None:
    by_name = {re.sub(r"[\s\-]+", "_", column): column for column in columns}
    return next((by_name[name] for name in names if name in by_name), None)


def _is_one_hot(row: Row, names: Sequence[str]) -> bool:
    cells = [row.cells.get(name, "") for name in names]
    return set(cells) <= _NUMBERS and sum(map(float, cells)) <= 1


def _listed(table: Table) -> str:
    return ", ".join(filter(None, table.titles)) or "none"
