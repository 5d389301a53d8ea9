"""The text files that CUB-200-2011 and NABirds share, joined by image id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from fieldmark.data.readers._boxes import from_xywh
from fieldmark.data.readers._text import four_numbers, lookup, read_rows, table
from fieldmark.errors import DataError
from fieldmark.structures import Box, Part, Record, Split

__all__ = ["read_class_ids", "read_photos"]

_SPLITS: dict[str, Split] = {"1": "train", "0": "test"}


def read_class_ids(root: Path) -> dict[str, int]:
    """Class id (as the files count them, with gaps in NABirds) of each image id."""
    path = root / "image_class_labels.txt"
    try:
        return {image: int(class_id) for image, class_id in table(path).items()}
    except ValueError as error:
        raise DataError(f"expected an image id and a class id a line in {path}, found {error}") from None


def read_photos(
    root: Path,
    class_ids: Mapping[str, int],
    labels: Mapping[int, int],
    taxonomies: Mapping[int, tuple[str, ...]],
) -> list[Record]:
    """One record for each line of images.txt, in its order.

    Args:
        root: The folder with images.txt.
        class_ids: Class id of each image id.
        labels: 0-based label of each class id.
        taxonomies: Ancestors of each class id; empty where the set has no hierarchy.
    """
    splits, boxes, parts = _read_splits(root), _read_boxes(root), _read_parts(root)
    photos = []
    for image, name in table(root / "images.txt").items():
        class_id = lookup(class_ids, image, root / "image_class_labels.txt")
        photos.append(
            Record(
                path=root / "images" / name,
                label=labels[class_id],
                split=splits.get(image),
                box=boxes.get(image),
                parts=parts.get(image, ()),
                taxonomy=taxonomies.get(class_id, ()),
            )
        )
    return photos


def _read_splits(root: Path) -> dict[str, Split]:
    path = root / "train_test_split.txt"
    if not path.is_file():
        return {}
    return {image: lookup(_SPLITS, is_train, path) for image, is_train in table(path).items()}


def _read_boxes(root: Path) -> dict[str, Box]:
    path = root / "bounding_boxes.txt"
    if not path.is_file():
        return {}
    return {image: from_xywh(*numbers) for image, numbers in four_numbers(path).items()}


def _read_parts(root: Path) -> dict[str, tuple[Part, ...]]:
    path = root / "parts" / "part_locs.txt"
    if not path.is_file():
        return {}
    names = table(root / "parts" / "parts.txt")
    # Half of the rows of a photo may be invisible parts, all alike: one object for each name serves them all.
    hidden = {part: Part(name, 0.0, 0.0, False) for part, name in names.items()}
    parts: defaultdict[str, list[Part]] = defaultdict(list)
    try:
        for image, part, x, y, visible in read_rows(path, 5):
            seen = float(visible) > 0
            parts[image].append(Part(names[part], float(x), float(y), True) if seen else hidden[part])
    except (KeyError, ValueError) as error:
        raise DataError(
            f"expected image id, part id, x, y and visible a line in {path}, found {error}: mend the line"
        ) from None
    return {image: tuple(found) for image, found in parts.items()}
