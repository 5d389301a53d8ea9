"""Stanford Cars as found on Kaggle: class folders or flat folders, with boxes in anno_train.csv and names.csv."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from fieldmark.data.label_names import fold_name
from fieldmark.data.photos.photo_files import photos_below
from fieldmark.data.readers import image_folder, register_reader
from fieldmark.data.readers._boxes import from_inclusive
from fieldmark.data.readers._classes import contiguous
from fieldmark.data.readers._splits import split_named
from fieldmark.data.readers._text import read_text
from fieldmark.errors import DataError
from fieldmark.structures import Box, Record, RecordList, Split

__all__ = ["read", "recognises"]

_LISTS: dict[Split, str] = {"train": "anno_train.csv", "test": "anno_test.csv"}
_NAMES = "names.csv"


class _Row(NamedTuple):
    box: Box
    number: int


def recognises(root: Path) -> bool:
    """Whether the lists lie directly in the folder."""
    return all((root / name).is_file() for name in (_LISTS["train"], _NAMES))


@register_reader("kaggle_cars", recognises=recognises)
def read(root: Path) -> RecordList:
    """Read the edition with ``anno_train.csv`` (file, x1, y1, x2, y2, class number; no header) and ``names.csv``.

    Args:
        root: The folder with the lists. Photos lie below it in ``train`` and ``test`` (``cars_train``, ``cars_test``),
            in class folders or not. The names of class folders are the classes; else those of ``names.csv``.

    Returns:
        Records with split, and with a box where a list names the photo.

    Raises:
        DataError: A list is damaged, or belongs to other photos.
    """
    lists = {split: _read_list(root / name) for split, name in _LISTS.items() if (root / name).is_file()}
    flat = list(_flat_photos(root, lists))
    if flat:
        return _numbered(root, flat)
    records = image_folder.read(root)
    rows = [lists.get(record.split or "train", {}).get(record.path.name) for record in records]
    _demand_one_number(root, records, rows)
    boxed = (replace(record, box=row.box if row else None) for record, row in zip(records, rows, strict=True))
    found = records.like(boxed)
    found.name = "kaggle_cars"
    return found


def _flat_photos(root: Path, lists: dict[Split, dict[str, _Row]]) -> Iterator[tuple[Path, Split, _Row]]:
    """Listed photos that lie directly in a folder of their split."""
    for path in photos_below(root):
        words = path.parent.name.lower().replace("-", "_").split("_")
        split = next((split for word in words if (split := split_named(word))), None)
        row = lists.get(split, {}).get(path.name) if split else None
        if split is not None and row is not None:
            yield path, split, row


def _numbered(root: Path, photos: list[tuple[Path, Split, _Row]]) -> RecordList:
    """Photos whose classes are numbers that count the lines of ``names.csv`` from 1."""
    lines = [",".join(cells) for cells in csv.reader(io.StringIO(read_text(root / _NAMES), newline="")) if cells]
    labels = contiguous(row.number for *_, row in photos)
    beyond = max(labels)
    if min(labels) < 1 or beyond > len(lines):
        raise DataError(
            f"expected class numbers from 1 to {len(lines)}, the lines of {root / _NAMES}, found {min(labels)} to "
            f"{beyond}: download the lists again"
        )
    records = (Record(path, labels[row.number], split, row.box) for path, split, row in photos)
    return RecordList(records, [fold_name(lines[number - 1]) for number in labels], name="kaggle_cars", root=root)


def _read_list(path: Path) -> dict[str, _Row]:
    rows = {}
    for line, cells in enumerate(csv.reader(io.StringIO(read_text(path), newline="")), start=1):
        if not cells:
            continue
        try:
            name, x1, y1, x2, y2, number = cells
            rows[name.strip()] = _Row(from_inclusive(int(x1), int(y1), int(x2), int(y2)), int(number))
        except ValueError:
            raise DataError(
                f"expected a file name and five whole numbers in line {line} of {path}, found "
                f"'{','.join(cells)[:80]}': mend the line"
            ) from None
    return rows


def _demand_one_number(root: Path, records: RecordList, rows: list[_Row | None]) -> None:
    """Photos of one class folder have one class number, unless the lists belong to other photos."""
    numbers: defaultdict[int, set[int]] = defaultdict(set)
    for record, row in zip(records, rows, strict=True):
        if row is not None:
            numbers[record.label].add(row.number)
    for label, found in numbers.items():
        if len(found) > 1:
            one, other, *_ = sorted(found)
            raise DataError(
                f"expected one class number for the photos of '{records.classes[label]}' in the lists of {root}, found "
                f"{one} and {other}: the lists belong to other photos, so remove {' and '.join(_LISTS.values())}"
            )
