"""Small pictures for pages that need no other file: JPEG inside of a data URI, never larger than asked."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from fieldmark.data.photos.open_photo import open_photo
from fieldmark.errors import PhotoError
from fieldmark.structures import Box, Record

__all__ = ["Allowance", "Thumbnail", "close_up", "data_uri", "small_jpeg", "thumbnail"]

_QUALITIES = (82, 72, 60, 45)
_SHRINK = 0.8
_LEAST_SIDE = 16
_URI_HEAD = "data:image/jpeg;base64,"


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A picture to put into a page: its data URI, and its size in pixels."""

    uri: str
    width: int
    height: int


@dataclass(slots=True)
class Allowance:
    """How many bytes of a page its pictures may take.

    Args:
        total: For all pictures.
        pictures: How many are planned.
    """

    total: int
    pictures: int

    @property
    def each(self) -> int:
        """Bytes of one picture's data URI."""
        return self.total // max(1, self.pictures)


def thumbnail(record: Record, side: int, limit: int) -> Thumbnail | None:
    """The whole photo, its longer side at most `side` pixels; None where it cannot be read.

    Args:
        record: The photo.
        side: Pixels.
        limit: Bytes that the data URI may take.
    """
    try:
        image = open_photo(record.path, trim_bottom=record.trim_bottom, draft=(side, side))
    except PhotoError:
        return None
    return data_uri(image, side, limit)


def close_up(record: Record, box: Box, side: int, limit: int, *, context: float = 1.25) -> Thumbnail | None:
    """A square around the middle of a box; None where the photo cannot be read.

    Args:
        record: The photo.
        box: What to show, xyxy in pixels of the upright photo.
        side: Pixels of the square.
        limit: Bytes that the data URI may take.
        context: Side of the square, as a multiple of the box's longer side.
    """
    try:
        image = open_photo(record.path, trim_bottom=record.trim_bottom)
    except PhotoError:
        return None
    return data_uri(image.crop(_square(box, image.size, context)), side, limit)


def data_uri(image: Image.Image, side: int, limit: int) -> Thumbnail:
    """An RGB image, scaled down so far that it keeps to both: longer side `side`, data URI of `limit` bytes.

    The quality falls first, then the size. Below 16 pixels nothing is scaled further.
    """
    payload = (limit - len(_URI_HEAD)) * 3 // 4 - 3  # base64 takes four characters for three bytes
    while True:
        small = image.copy()
        small.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
        for quality in _QUALITIES:
            stream = BytesIO()
            small.save(stream, "JPEG", quality=quality, optimize=True)
            if stream.tell() <= payload or (side <= _LEAST_SIDE and quality == _QUALITIES[-1]):
                return Thumbnail(_URI_HEAD + base64.b64encode(stream.getvalue()).decode("ascii"), *small.size)
        side = max(_LEAST_SIDE, round(side * _SHRINK))


def small_jpeg(image: Image.Image, side: int) -> bytes:
    """Return an RGB image as a JPEG file, its longer side at most `side` pixels."""
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    stream = BytesIO()
    image.save(stream, "JPEG", quality=82)
    return stream.getvalue()


def _square(box: Box, size: tuple[int, int], context: float) -> tuple[int, int, int, int]:
    """The square around a box, moved into the photo; cut at its border where it is larger."""
    side = max(1, round(min(context * max(box[2] - box[0], box[3] - box[1]), max(size))))
    corners = []
    for middle, length in (((box[0] + box[2]) / 2, size[0]), ((box[1] + box[3]) / 2, size[1])):
        start = max(0, min(round(middle - side / 2), length - side))
        corners.append((start, min(length, start + side)))
    (x1, x2), (y1, y2) = corners
    return (x1, y1, x2, y2)
