"""Zoomed views: find the object by the activation of a feature map, and cut the photo around it.

Source: Wei, Luo, Wu, Zhou, "Selective convolutional descriptor aggregation for fine-grained image retrieval" (IEEE
Transactions on Image Processing, 2017), section III-B: the largest connected region where the activation exceeds its
mean. Here the map is interpolated first, so that the box does not jump by whole places. A learned locator has its
object where its map is largest: there, the region around the maximum counts, as wide as it is at half of its height.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fieldmark.data.photos.open_photo import full_size
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.tiles import tiles_of
from fieldmark.errors import PhotoError
from fieldmark.structures import Box

__all__ = [
    "MAX_TILES",
    "ZOOM_DETAIL",
    "Zoom",
    "crop_to",
    "find_object",
    "give_box",
    "given_box",
    "object_box",
    "object_mask",
    "on_full_photo",
    "zoom_region",
]

ZOOM_DETAIL = 6
"""Photos are decoded so large that a region of a sixth of their shorter side has the pixels that a network reads."""

MAX_TILES = 4
"""Tiles along each side of a photo that a learned locator reads at most."""

_GIVEN = "object box"  # in `Image.info`

_PEAK = 0.5
"""Where the object of a learned locator begins, between a map's mean and its maximum. The best of five rules by the
cross-validated accuracy of their crops, on birds in scenes; see docs/research/zoom.md."""

_FINE = 64
"""Samples along each side of the interpolated map."""


@dataclass(frozen=True, slots=True)
class Zoom:
    """How a zoomed view is cut; travels inside the artifact.

    Attributes:
        threshold: Standard deviations above the mean activation of a photo, above which a place shows the object, where
            no locator was learned.
        margin: Share of the longer side of the object's box that is added on each side.
        tiles: A learned locator reads the whole photo in so many tiles along each side, each at the network's own size,
            and in those that overlap them by half; the zoomed views then answer without the whole photo. 0 for the sum
            of the channels on the whole photo at once, whose views the zoomed ones join.
    """

    threshold: float = 0.0
    margin: float = 0.1
    tiles: int = 0

    @property
    def joins(self) -> bool:
        """Whether the zoomed views join those of the whole photo, instead of taking their place."""
        return not self.tiles

    @property
    def looks(self) -> int:
        """How many tiles the network reads to find the object; 0 where it reads the whole photo anyway."""
        return tiles_of(self.tiles) if self.tiles else 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Zoom:
        return cls(float(values["threshold"]), float(values["margin"]), int(values.get("tiles", 0)))


def object_mask(activation: NDArray[np.floating], zoom: Zoom) -> NDArray[np.bool_]:
    """Return a connected region of a map (h, w) above the threshold, (64, 64) or finer.

    With `Zoom.tiles` it is the region around the maximum, and the threshold lies half of the way from the mean to the
    maximum; else it is the largest region above `Zoom.threshold`. It is all of the map where no place exceeds the
    threshold, which is so for a constant map.
    """
    values = np.asarray(activation, dtype=np.float32)
    size = (max(_FINE, values.shape[1]), max(_FINE, values.shape[0]))
    fine = np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BICUBIC))
    mean = values.mean()
    above = fine > mean + (_PEAK * (fine.max() - mean) if zoom.tiles else zoom.threshold * values.std())
    if not above.any():
        return np.ones(fine.shape, dtype=np.bool_)
    return _region(above, int(fine.argmax()) if zoom.tiles else None)


def _region(mask: NDArray[np.bool_], place: int | None) -> NDArray[np.bool_]:
    """Return the region of a mask around a place of it, or for None the largest one; the first of equals.

    A region touches itself, also at corners.

    The small install for predictions has no SciPy. Each place takes the smallest number among its neighbours in the
    mask until nothing changes; then each region has one number.
    """
    outside = mask.size
    numbers = np.where(mask, np.arange(mask.size).reshape(mask.shape), outside)
    while True:
        padded = np.pad(numbers, 1, constant_values=outside)
        by_row = np.minimum(np.minimum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
        smallest = np.where(mask, np.minimum(np.minimum(by_row[:-2], by_row[1:-1]), by_row[2:]), outside)
        if np.array_equal(smallest, numbers):
            chosen = np.bincount(numbers[mask]).argmax() if place is None else numbers.flat[place]
            return np.asarray(numbers == chosen)
        numbers = smallest


def object_box(activation: NDArray[np.floating], zoom: Zoom) -> Box:
    """Return the box around `object_mask`, xyxy in fractions of the map's width and height."""
    mask = object_mask(activation, zoom)
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    height, width = mask.shape
    return (
        float(columns[0] / width),
        float(rows[0] / height),
        float((columns[-1] + 1) / width),
        float((rows[-1] + 1) / height),
    )


def find_object(activations: NDArray[np.floating], preprocess: Preprocess, size: tuple[int, int], zoom: Zoom) -> Box:
    """Return where a photo shows its object, xyxy in its pixels.

    Args:
        activations: (1, h * w) of the square that `preprocess` makes, or (2, h * w) of it and of its mirror image.
        preprocess: Tells which part of the photo the square shows.
        size: Width and height of the photo.
        zoom: The threshold.

    Raises:
        ValueError: The maps are not square.
    """
    side = math.isqrt(activations.shape[1])
    if side * side != activations.shape[1]:
        raise ValueError(f"a map of {activations.shape[1]} places is not square")
    # As the cache holds them, so that training and answers find the same box.
    maps = activations.astype(np.float16).astype(np.float32).reshape(-1, side, side)
    together = maps[0] if len(maps) == 1 else (maps[0] + maps[1][:, ::-1]) / 2
    left, top, right, bottom = preprocess.box_on_photo(*size)
    x1, y1, x2, y2 = object_box(together, zoom)
    width, height = right - left, bottom - top
    return (
        max(0.0, left + x1 * width),
        max(0.0, top + y1 * height),
        min(float(size[0]), left + x2 * width),
        min(float(size[1]), top + y2 * height),
    )


def zoom_region(box: Box, size: tuple[int, int], zoom: Zoom) -> Box:
    """Return what a zoomed view shows: a square around a box with its margin, moved into the photo.

    Where the photo is narrower than the square, the region takes its whole width or height.

    Args:
        box: xyxy in pixels.
        size: Width and height of the photo.
        zoom: The margin.
    """
    x1, y1, x2, y2 = box
    side = max(x2 - x1, y2 - y1, min(size) / ZOOM_DETAIL) * (1 + 2 * zoom.margin)
    width, height = min(side, float(size[0])), min(side, float(size[1]))
    left = min(max((x1 + x2 - width) / 2, 0.0), size[0] - width)
    top = min(max((y1 + y2 - height) / 2, 0.0), size[1] - height)
    return (left, top, left + width, top + height)


def give_box(photo: Image.Image, box: Box) -> None:
    """Note where a person says that a photo of `open_photo` shows its object, in pixels of the full photo.

    Raises:
        PhotoError: The box has no part inside the photo.
    """
    width, height = full_size(photo)
    x1, y1, x2, y2 = max(0.0, box[0]), max(0.0, box[1]), min(float(width), box[2]), min(float(height), box[3])
    if not (x1 < x2 and y1 < y2):
        shown = ",".join(f"{edge:g}" for edge in box)
        raise PhotoError(
            f"the box {shown} has no part inside the photo of {width} x {height} pixels: give x1,y1,x2,y2 inside it"
        )
    x_scale, y_scale = photo.width / width, photo.height / height
    photo.info[_GIVEN] = (x1 * x_scale, y1 * y_scale, x2 * x_scale, y2 * y_scale)


def given_box(photo: Image.Image) -> Box | None:
    """Return the box of `give_box`, xyxy in pixels of this perhaps smaller image; None if there is none."""
    return photo.info.get(_GIVEN)


def crop_to(photo: Image.Image, box: Box | None) -> Image.Image:
    """Return what a zoomed view of a box shows, cut out of the photo; the photo itself for None."""
    if box is None:
        return photo
    left, top, right, bottom = zoom_region(box, photo.size, Zoom())
    return photo.crop((math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)))


def on_full_photo(box: Box, photo: Image.Image) -> Box:
    """Return a box of an image in pixels of the full photo, of which the image may be a smaller version."""
    width, height = full_size(photo)
    x_scale, y_scale = width / photo.width, height / photo.height
    return (box[0] * x_scale, box[1] * y_scale, box[2] * x_scale, box[3] * y_scale)
