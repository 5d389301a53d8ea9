"""Oxford-IIIT Pets: 7,349 photos of 37 breeds of cats and dogs."""

from __future__ import annotations

from pathlib import Path

from fieldmark.data.readers import register_reader
from fieldmark.data.readers._classes import contiguous
from fieldmark.data.readers._official import check_official
from fieldmark.data.readers._text import lookup, read_rows
from fieldmark.errors import DataError
from fieldmark.structures import Record, RecordList, Split

__all__ = ["read", "recognises"]

_LISTS: dict[str, Split] = {"trainval.txt": "train", "test.txt": "test"}
_SPECIES = {"1": "cat", "2": "dog"}


def recognises(root: Path) -> bool:
    """Whether ``annotations`` holds the two lists."""
    return all((root / "annotations" / name).is_file() for name in _LISTS)


@register_reader("oxford_pets", recognises=recognises)
def read(root: Path) -> RecordList:
    """Read Oxford-IIIT Pets.

    Args:
        root: The folder with ``images/`` and ``annotations/``.

    Returns:
        Records with split (trainval is train) and cat or dog as taxonomy. The XML files frame the head and
        not the animal, and only for trainval, so no box is read from them.

    Raises:
        DataError: A file is missing or damaged, or a complete set has not its published split.
    """
    rows = [(split, *row) for name, split in _LISTS.items() for row in _read_list(root / "annotations" / name)]
    breeds = {number: photo.rsplit("_", 1)[0].replace("_", " ") for _, photo, number, _ in rows}
    labels = contiguous(breeds)
    photos = [
        Record(root / "images" / f"{photo}.jpg", labels[number], split, taxonomy=(species,))
        for split, photo, number, species in rows
    ]
    classes = [breeds[number] for number in labels]
    records = RecordList(photos, classes, name="oxford_pets", root=root, ranks=("species",))
    return check_official(records, classes=37, sizes={"train": 3680, "test": 3669})


def _read_list(path: Path) -> list[tuple[str, int, str]]:
    """(photo without ending, class number, cat or dog) a row; the fourth column restarts for each species."""
    try:
        return [
            (photo, int(number), lookup(_SPECIES, species, path))
            for photo, number, species, _ in read_rows(path, 4, comment="#")
        ]
    except ValueError as error:
        raise DataError(f"expected a name and three numbers a line in {path}, found {error}: mend the line") from None
