"""Folders such as ``train_images`` are not classes: the labels stand in a table that was not read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from fieldmark.data.photos.photo_files import Folder
from fieldmark.data.readers._tables import is_table, read_header, read_table
from fieldmark.errors import DataError

__all__ = ["refuse_containers", "unread_tables"]

_CONTAINER_WORDS = frozenset(
    (
        *("train", "training", "test", "testing", "val", "valid", "validation", "dev", "trainval", "unseen"),
        *("image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "pics", "jpg", "jpeg", "png"),
        *("data", "dataset", "set", "input", "inputs", "raw", "part", "batch", "fold", "split", "all", "resized"),
    )
)
_COLUMNS_SHOWN = 12


def refuse_containers(root: Path, folders: Sequence[Folder]) -> None:
    """Refuse class folders whose names say that they hold photos of all classes.

    Where a table beside them lists their photos, one such word in each name is enough.

    Raises:
        DataError: They do.
    """
    words = [set(re.split(r"[\W\d_]+", folder.path.name.lower())) - {""} for folder in folders]
    are_containers = all(found and found <= _CONTAINER_WORDS for found in words)
    hold_containers = all(found & _CONTAINER_WORDS for found in words) and _is_listed(root, folders)
    if are_containers or hold_containers:
        names = ", ".join(f"'{folder.path.name}'" for folder in folders[:3])
        raise DataError(
            f"expected a folder for each class in {root}, found {names}: sort the photos into class folders, or list "
            f"them in a CSV with the columns path and label{unread_tables(root)}"
        )


def unread_tables(root: Path) -> str:
    """The end of a sentence that names the tables in a folder that were not read, and their columns."""
    tables = [path for path in sorted(root.iterdir()) if is_table(path) and path.is_file()] if root.is_dir() else []
    texts = []
    for path in tables:
        columns = [column for column in read_header(path) if column]
        more = f", … {len(columns)} in all" if len(columns) > _COLUMNS_SHOWN else ""
        texts.append(f"{path.name} has the columns {', '.join(columns[:_COLUMNS_SHOWN])}{more}")
    return f"; {'; '.join(texts)}: name those to read with --path-col and --label-col" if texts else ""


def _is_listed(root: Path, folders: Sequence[Folder]) -> bool:
    """Whether a table in the folder has a column with the names of the photos."""
    photos = {key for folder in folders for name in folder.photos for key in (name, Path(name).stem)}
    for path in root.iterdir() if root.is_dir() else ():
        if not is_table(path):
            continue
        try:
            rows = read_table(path).rows[:50]
        except (DataError, OSError):
            continue
        columns = {column for row in rows for column in row.cells}
        for column in columns:
            hits = sum(Path(row.cells.get(column, "")).name in photos for row in rows)
            if 2 * hits >= len(rows) > 0:
                return True
    return False
