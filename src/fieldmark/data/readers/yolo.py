"""YOLO: one text file for each photo with class numbers and normalised boxes, and names in data.yaml or classes.txt."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fieldmark.data.photos.annotations import upright_size
from fieldmark.data.photos.photo_files import is_photo, photos_below
from fieldmark.data.readers import register_reader
from fieldmark.data.readers._objects import FoundObject, left_out_note, records_of
from fieldmark.data.readers._splits import split_named
from fieldmark.data.readers._text import read_text
from fieldmark.errors import DataError, PhotoError
from fieldmark.structures import Box, Record, RecordList, Split

__all__ = ["read", "recognises"]

_YAMLS = ("data.yaml", "data.yml", "dataset.yaml")
_NAMES = ("classes.txt", "obj.names", "labels/classes.txt")
_KEYS: dict[str, Split] = {"train": "train", "val": "val", "test": "test"}


class _Layout(NamedTuple):
    """Class names, photos with their splits, and whether a line may hold keypoints behind the box."""

    names: dict[int, str]
    photos: list[tuple[Path, Split | None]]
    is_pose: bool


def recognises(root: Path) -> bool:
    """Whether the folder has names of classes and label files."""
    if not root.is_dir() or not any((root / name).is_file() for name in (*_YAMLS, *_NAMES)):
        return False
    if any((root / name).is_file() and "names" in read_text(root / name) for name in _YAMLS):
        return True
    return (root / "labels").is_dir() or any(path.with_suffix(".txt").is_file() for path in _beside(root))


@register_reader("yolo", recognises=recognises)
def read(root: Path) -> RecordList:
    """Read YOLO data: one record for each box.

    Lines are ``class x_centre y_centre width height``, in shares of the upright photo. Of a polygon (segmentation) or
    of four corners (oriented boxes) the box around it is read. Photos with an empty label file, or without one, are
    left out, and a note counts them.

    Args:
        root: The folder with ``data.yaml`` (``names`` and the places of ``train``, ``val`` and ``test``), or with
            ``classes.txt`` and either ``images/`` and ``labels/`` or label files beside the photos.

    Returns:
        Records with box and split; classes in the order of their numbers. The box of a photo that cannot be read is
        None: the check of the data reports the photo.

    Raises:
        DataError: A line does not have the form, or a number has no name.
    """
    layout = _layout(root)
    objects: list[FoundObject] = []
    empty: list[str] = []
    for photo, split in layout.photos:
        found = list(_read_labels(_label_file(photo), layout))
        if not found:
            empty.append(photo.name)
            continue
        size = _size(photo)
        if size is None:  # shares of an unknown size: only the largest object is listed
            found = [max(found, key=lambda one: (one[1][2] - one[1][0]) * (one[1][3] - one[1][1]))]
        objects += [FoundObject(photo, layout.names[number], _scaled(box, size), split) for number, box in found]
    notes = left_out_note("photos_without_boxes", "photos without a box", empty, "annotate them, if they show a class")
    order = [layout.names[number] for number in sorted(layout.names)]
    return records_of(objects, order, name="yolo", root=root, notes=notes)


def _layout(root: Path) -> _Layout:
    path = next((root / name for name in _YAMLS if (root / name).is_file()), None)
    if path is not None:
        return _from_yaml(root, path)
    path = next(root / name for name in _NAMES if (root / name).is_file())
    names = dict(enumerate(line.strip() for line in read_text(path).split("\n") if line.strip()))
    folder = root / "images"
    photos = [(photo, _split_below(photo, folder)) for photo in photos_below(folder)] if folder.is_dir() else []
    return _Layout(names, photos or [(photo, None) for photo in _beside(root)], False)


def _from_yaml(root: Path, path: Path) -> _Layout:
    import yaml

    try:
        content = yaml.safe_load(read_text(path))
        names = content["names"]
        names = dict(enumerate(names)) if isinstance(names, list) else {int(key): name for key, name in names.items()}
        names = {number: str(name) for number, name in names.items()}
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError):
        raise DataError(f"expected 'names' of the classes in {path}, found none: add names: [first, second]") from None
    photos: list[tuple[Path, Split | None]] = []
    for key, split in _KEYS.items():
        entries = content.get(key) or ()
        for entry in [entries] if isinstance(entries, str) else entries:
            photos += [(photo, split) for photo in _photos_at(root, str(content.get("path") or ""), str(entry))]
    once = dict(reversed(photos))  # a photo of two splits counts for the first
    return _Layout(names, [(photo, once.pop(photo)) for photo, _ in photos if photo in once], "kpt_shape" in content)


def _photos_at(root: Path, base: str, entry: str) -> list[Path]:
    """The photos of one entry: a folder or a list, where data.yaml says, or in the folder of data.yaml itself."""
    inner = entry.removeprefix("../").removeprefix("./")
    places = (root / base / entry, root / entry, root / inner, root / Path(inner).name / "images")
    place = next((place for place in places if place.exists()), None)
    if place is None:
        raise DataError(
            f"expected the photos at '{entry}' that data.yaml in {root} names, found none: correct the path"
        )
    if place.is_dir():
        return photos_below(place)
    lines = [line.strip() for line in read_text(place).split("\n") if line.strip()]
    return [found if (found := place.parent / line).exists() else root / line for line in lines]


def _beside(root: Path) -> list[Path]:
    return [path for path in sorted(root.iterdir()) if is_photo(path.name)]


def _split_below(photo: Path, folder: Path) -> Split | None:
    return split_named(photo.relative_to(folder).parts[0])


def _label_file(photo: Path) -> Path:
    """``images`` becomes ``labels`` where it occurs last in the path; without it the file lies beside the photo."""
    parts = list(photo.with_suffix(".txt").parts)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] == "images":
            parts[index] = "labels"
            return Path(*parts)
    return photo.with_suffix(".txt")


def _read_labels(path: Path, layout: _Layout) -> Iterator[tuple[int, Box]]:
    """The class number and the box, in shares of the photo, of each line."""
    for number, line in enumerate(read_text(path).split("\n") if path.is_file() else (), start=1):
        words = line.split()
        if not words:
            continue
        where = f"line {number} of {path}"
        try:
            label, values = int(float(words[0])), [float(word) for word in words[1:]]
        except ValueError:
            raise DataError(f"expected numbers in {where}, found '{line.strip()[:40]}': correct it") from None
        if layout.is_pose:
            values = values[:4]
        if not (len(values) == 4 or (len(values) >= 6 and len(values) % 2 == 0)):
            raise DataError(f"expected a class and 4 numbers, or a polygon, in {where}, found {len(words)}: correct it")
        if not all(math.isfinite(value) and 0 <= value <= 1 for value in values):
            raise DataError(f"expected shares between 0 and 1 in {where}, found others: divide by the photo's size")
        if label not in layout.names:
            raise DataError(f"class {label} in {where} has no name: the names end at {max(layout.names, default=-1)}")
        box = _box(values)
        if box[2] > box[0] and box[3] > box[1]:
            yield label, box


def _box(values: list[float]) -> Box:
    if len(values) == 4:
        x, y, width, height = values
        return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    return (min(values[::2]), min(values[1::2]), max(values[::2]), max(values[1::2]))


def _size(photo: Path) -> tuple[int, int] | None:
    try:
        return upright_size(Record(photo, 0))
    except PhotoError:
        return None


def _scaled(box: Box, size: tuple[int, int] | None) -> Box | None:
    if size is None:
        return None
    width, height = size
    return (box[0] * width, box[1] * height, box[2] * width, box[3] * height)
