"""Caltech-UCSD Birds-200-2011: 11,788 photos of 200 bird species, with boxes and 15 parts."""

from __future__ import annotations

import re
from pathlib import Path

from fieldmark.data.readers import register_reader
from fieldmark.data.readers._birds import read_class_ids, read_photos
from fieldmark.data.readers._classes import contiguous
from fieldmark.data.readers._official import check_official
from fieldmark.data.readers._text import lookup, table
from fieldmark.errors import DataError
from fieldmark.structures import RecordList

__all__ = ["read", "recognises"]


def recognises(root: Path) -> bool:
    """Whether the folder has CUB's lists and no hierarchy, which would make it NABirds."""
    lists = ("images.txt", "classes.txt", "image_class_labels.txt")
    return all((root / name).is_file() for name in lists) and not (root / "hierarchy.txt").exists()


@register_reader("cub200_2011", recognises=recognises)
def read(root: Path) -> RecordList:
    """Read CUB-200-2011, or a subset in its layout with ids of its own.

    Args:
        root: The folder with ``images.txt``, ``classes.txt``, ``image_class_labels.txt`` and, where the set
            has them, ``train_test_split.txt``, ``bounding_boxes.txt`` and ``parts/``.

    Returns:
        Records with split, box and 15 parts; classes in the order of their ids, without their numbers.

    Raises:
        DataError: A file is missing or damaged, or a complete set has not its published split.
    """
    class_ids = read_class_ids(root)
    path = root / "classes.txt"
    names = table(path)
    labels = contiguous(class_ids.values())
    classes = _readable([lookup(names, str(class_id), path) for class_id in labels])
    photos = read_photos(root, class_ids, labels, {})
    records = RecordList(photos, classes, name="cub200_2011", root=root)
    return check_official(records, classes=200, sizes={"train": 5994, "test": 5794})


def _readable(names: list[str]) -> list[str]:
    """'001.Black_footed_Albatross' as 'Black footed Albatross'.

    Raises:
        DataError: Two classes would have one name.
    """
    readable = [re.sub(r"^\d+\.", "", name).replace("_", " ") for name in names]
    twice = next((name for name in readable if readable.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"expected every class name once in classes.txt, found '{twice}' twice: rename one of them")
    return readable
