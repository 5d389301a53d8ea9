"""Stanford Dogs: 20,580 photos of 120 breeds, all of them from ImageNet's training set."""

from __future__ import annotations

from pathlib import Path

from fieldmark.data.readers import register_reader
from fieldmark.data.readers._boxes import largest, objects_of_xml
from fieldmark.data.readers._classes import contiguous
from fieldmark.data.readers._matlab import integers, read_mat, strings
from fieldmark.data.readers._official import check_official
from fieldmark.errors import DataError
from fieldmark.structures import Box, Record, RecordList, Split

__all__ = ["read", "recognises"]

_LISTS: dict[str, Split] = {"train_list.mat": "train", "test_list.mat": "test"}


def recognises(root: Path) -> bool:
    """Whether the folder, or ``lists`` in it, has the train and the test list."""
    return all((_lists(root) / name).is_file() for name in _LISTS)


@register_reader("stanford_dogs", recognises=recognises)
def read(root: Path) -> RecordList:
    """Read Stanford Dogs.

    Args:
        root: The folder with ``Images/``, the lists (beside it or in ``lists/``) and, where it was
            downloaded, ``Annotation/`` with one VOC XML file a photo.

    Returns:
        Records with split and, with ``Annotation/``, the box of the largest dog; classes are breed names in
        the order of their numbers.

    Raises:
        DataError: A file is missing or damaged, or a complete set has not its published split.
    """
    rows = [(split, *row) for name, split in _LISTS.items() for row in _read_list(_lists(root) / name)]
    breeds = {number: _breed(photo) for _, photo, _, number in rows}
    labels = contiguous(breeds)
    boxed = (root / "Annotation").is_dir()
    photos = [
        Record(
            path=root / "Images" / photo,
            label=labels[number],
            split=split,
            box=_read_box(root / "Annotation" / annotation) if boxed else None,
        )
        for split, photo, annotation, number in rows
    ]
    classes = [breeds[number] for number in labels]
    records = RecordList(photos, classes, name="stanford_dogs", root=root)
    return check_official(records, classes=120, sizes={"train": 12_000, "test": 8580})


def _lists(root: Path) -> Path:
    nested = root / "lists"
    return nested if nested.is_dir() else root


def _read_list(path: Path) -> list[tuple[str, str, int]]:
    """(photo, annotation, number of the breed) a row."""
    content = read_mat(path)
    photos = strings(content, "file_list", path)
    annotations = strings(content, "annotation_list", path)
    numbers = integers(content, "labels", path)
    if not len(photos) == len(annotations) == len(numbers):
        raise DataError(f"expected lists of one length in {path}, found {len(photos)} photos: download it again")
    return list(zip(photos, annotations, numbers, strict=True))


def _breed(photo: str) -> str:
    """'n02085620-Chihuahua/n02085620_7.jpg' as 'Chihuahua'."""
    return photo.split("/")[0].split("-", 1)[-1].replace("_", " ")


def _read_box(path: Path) -> Box | None:
    # ImageNet counts pixels from 0, unlike other VOC XML: the numbers stay as they are.
    return largest(objects_of_xml(path)) if path.is_file() else None
