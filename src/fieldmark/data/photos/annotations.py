"""Boxes and part points of a photo, carried into the array that a network reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fieldmark.arrays import Float32s
from fieldmark.data.photos.open_photo import identify_photo, photo_orientation
from fieldmark.data.photos.photo_files import open_file
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.errors import DataError, PhotoError
from fieldmark.structures import Box, Record

__all__ = [
    "box_inside",
    "demand_annotations",
    "in_square",
    "mirror_order",
    "place_annotations",
    "point_names",
    "upright_size",
]


_SIDEWAYS = range(5, 9)
_PIXEL_CENTRE = 0.5


def point_names(records: Sequence[Record]) -> tuple[str, ...]:
    """Names of all annotated parts, in the order in which they first appear."""
    return tuple(dict.fromkeys(part.name for record in records for part in record.parts))


def demand_annotations(records: Sequence[Record], method: str) -> None:
    """Refuse data that a method with annotations cannot learn from.

    Raises:
        DataError: No photo has a box, or none has a visible part.
    """
    boxes = sum(record.box is not None for record in records)
    parts = sum(any(part.visible for part in record.parts) for record in records)
    if not boxes or not parts:
        raise DataError(
            f"'{method}' learns from object boxes and part points, but of {len(records)} training photos {boxes} have "
            f"a box and {parts} have parts; use data that has both, such as CUB-200-2011, or another method"
        )


def mirror_order(names: Sequence[str]) -> list[int]:
    """Which point takes each place in the mirror image: left and right change places.

    >>> mirror_order(["beak", "left eye", "right eye", "left ear"])
    [0, 2, 1, 3]
    """
    places = {name: place for place, name in enumerate(names)}
    return [places.get(_other_side(name), place) for place, name in enumerate(names)]


def upright_size(record: Record) -> tuple[int, int]:
    """Width and height of a record's photo as boxes and parts count them: upright, its bottom cut off.

    Raises:
        PhotoError: The file cannot be read.
    """
    with open_file(record.path) as stream:
        image = identify_photo(stream, str(record.path))
        width, height = image.size
        if photo_orientation(image) in _SIDEWAYS:
            width, height = height, width
    return width, height - record.trim_bottom


def box_inside(record: Record) -> Box | None:
    """Return a record's box; None without one, where no part of it lies in the photo, or the photo cannot be read."""
    if record.box is None:
        return None
    try:
        width, height = upright_size(record)
    except PhotoError:
        return None
    x1, y1, x2, y2 = record.box
    return record.box if max(0.0, x1) < min(width, x2) and max(0.0, y1) < min(height, y2) else None


def place_annotations(
    record: Record, names: Sequence[str], region: Box, size: tuple[int, int]
) -> tuple[Float32s, Float32s]:
    """A record's box and points in pixels of an array that shows a region of its photo.

    Args:
        record: The photo.
        names: Of the points, in the wanted order.
        region: What of the upright photo the array shows, xyxy.
        size: Width and height of the array.

    Returns:
        The box (4,) and the points (P, 2), NaN where there is none or it is not visible. What lies outside of the
        array keeps its place there. Edges are at whole numbers, so the centre of the first pixel is at 0.5.
    """
    scale = np.array([size[0] / (region[2] - region[0]), size[1] / (region[3] - region[1])])
    origin = np.array(region[:2])
    box = np.full(4, np.nan) if record.box is None else np.array(record.box)
    seen = {part.name: (part.x, part.y) for part in record.parts if part.visible}
    nowhere = (np.nan, np.nan)
    points = np.array([seen.get(name, nowhere) for name in names]).reshape(-1, 2) + _PIXEL_CENTRE
    placed = ((box.reshape(2, 2) - origin) * scale).reshape(4)
    return placed.astype(np.float32), ((points - origin) * scale).astype(np.float32)


def in_square(record: Record, names: Sequence[str], preprocess: Preprocess) -> tuple[Float32s, Float32s]:
    """`place_annotations` in the square that the network reads.

    Raises:
        PhotoError: The file cannot be read.
    """
    region = preprocess.box_on_photo(*upright_size(record))
    return place_annotations(record, names, region, (preprocess.image_size, preprocess.image_size))


def _other_side(name: str) -> str:
    words = {"left": "right", "right": "left"}
    return " ".join(words.get(word, word) for word in name.split(" "))
