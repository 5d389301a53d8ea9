"""Oxford Flowers-17: 1,360 photos of 17 flowers, 80 a class one after the other."""

from __future__ import annotations

import re
from pathlib import Path

from fieldmark.data.photos.photo_files import is_photo
from fieldmark.data.readers import register_reader
from fieldmark.data.readers._classes import contiguous
from fieldmark.data.readers._matlab import integers, read_mat
from fieldmark.errors import DataError, SettingError
from fieldmark.structures import Record, RecordList, Split

__all__ = ["CLASSES", "read", "recognises"]

# The archive holds numbered photos only; these are the flowers in the order of their numbers.
CLASSES = (
    "daffodil",
    "snowdrop",
    "lily valley",
    "bluebell",
    "crocus",
    "iris",
    "tigerlily",
    "tulip",
    "fritillary",
    "sunflower",
    "daisy",
    "colts foot",
    "dandelion",
    "cowslip",
    "buttercup",
    "windflower",
    "pansy",
)

_PER_CLASS = 80
_SPLIT_VARIABLES: dict[str, Split] = {"trn": "train", "val": "val", "tst": "test"}


def recognises(root: Path) -> bool:
    """Whether ``jpg/image_0001.jpg`` (four digits; Flowers-102 has five) or the split file is there."""
    return (root / "jpg" / "image_0001.jpg").is_file() or (root / "datasplits.mat").is_file()


@register_reader("oxford_flowers17", recognises=recognises)
def read(root: Path, partition: int = 1) -> RecordList:
    """Read Oxford Flowers-17 in its official layout.

    Args:
        root: The folder with ``jpg/`` and, where it was downloaded, ``datasplits.mat``.
        partition: Which of the three official partitions (1, 2, 3) the splits come from.

    Returns:
        Records in the order of their numbers; without ``datasplits.mat`` they have no split.

    Raises:
        DataError: There are no numbered photos, or a number lies outside of 1 to 1360.
        SettingError: There is no such partition.
    """
    if partition not in (1, 2, 3):
        raise SettingError(f"expected partition 1, 2 or 3 of oxford_flowers17, found {partition}: choose one of them")
    names = _numbered_photos(root / "jpg")
    splits = _read_splits(root / "datasplits.mat", partition)
    labels = contiguous(_class_of(index) for index in names)
    photos = [Record(root / "jpg" / name, labels[_class_of(index)], splits.get(index)) for index, name in names.items()]
    classes = [CLASSES[number] for number in labels]
    return RecordList(photos, classes, name="oxford_flowers17", root=root)


def _class_of(index: int) -> int:
    return (index - 1) // _PER_CLASS


def _numbered_photos(folder: Path) -> dict[int, str]:
    """File names by their number, in rising order."""
    found = [file.name for file in folder.iterdir() if is_photo(file.name)] if folder.is_dir() else []
    numbered = {int(match[1]): name for name in found if (match := re.fullmatch(r"image_(\d{4})\.\w+", name))}
    last = len(CLASSES) * _PER_CLASS
    wrong = [name for index, name in numbered.items() if not 1 <= index <= last]
    if wrong or not numbered:
        raise DataError(
            f"expected photos image_0001.jpg to image_{last}.jpg in {folder}, found "
            f"{wrong[0] if wrong else 'no numbered photo'}: unpack 17flowers.tgz there"
        )
    return dict(sorted(numbered.items()))


def _read_splits(path: Path, partition: int) -> dict[int, Split]:
    if not path.is_file():
        return {}
    content = read_mat(path)
    return {
        index: split
        for name, split in _SPLIT_VARIABLES.items()
        for index in integers(content, f"{name}{partition}", path)
    }
