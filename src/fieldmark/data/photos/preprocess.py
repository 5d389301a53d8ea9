"""The one place where a photo becomes the array that a network reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fieldmark.data.photos.resize import INTERPOLATIONS, resize
from fieldmark.errors import SettingError, unknown_name
from fieldmark.structures import Box, Record

__all__ = ["Preprocess", "Resize", "load_array"]

Resize = Literal["crop", "squash", "pad"]


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How a photo becomes a square array; travels inside the artifact.

    Normalisation with `mean` and `std` happens inside the network's graph, so that what leaves this class
    is always uint8: an array a quarter of the size, and no float arithmetic outside of the runtime.

    Attributes:
        image_size: Side of the square in pixels.
        resize: ``crop`` keeps the proportions and takes the largest centred square; ``squash`` warps the whole
            photo into the square; ``pad`` keeps the whole photo and its proportions on a grey ground.
        interpolation: ``bilinear`` or ``bicubic``, always antialiased.
        mean: Per channel, of images scaled to [0, 1].
        std: Per channel, of images scaled to [0, 1].
    """

    image_size: int = 224
    resize: Resize = "crop"
    interpolation: str = "bicubic"
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    def __post_init__(self) -> None:
        if self.resize not in get_args(Resize):
            raise unknown_name("resize mode", self.resize, get_args(Resize))
        if self.interpolation not in INTERPOLATIONS:
            raise unknown_name("interpolation", self.interpolation, INTERPOLATIONS)
        if not 16 <= self.image_size <= 4096:
            raise SettingError(f"image_size must lie between 16 and 4096 pixels, but is {self.image_size}")

    @property
    def draft_size(self) -> tuple[int, int]:
        """The size that a JPEG decoder may shrink to while it decodes."""
        return (self.image_size, self.image_size)

    def __call__(self, image: Image.Image, *, mirror: bool = False, region: Box | None = None) -> NDArray[np.uint8]:
        """An upright RGB photo as an array of shape (image_size, image_size, 3), uint8.

        Args:
            image: The photo.
            mirror: Turn it left to right.
            region: What fills the square instead, xyxy pixels of the photo; `resize` does not apply then.
        """
        side = self.image_size
        if self.resize == "pad" and region is None:
            square = _pad(image, side, self.interpolation)
        else:
            box = _centre_square(image.size) if self.resize == "crop" and region is None else region
            square = resize(image, (side, side), self.interpolation, box)
        array = np.asarray(square)
        return np.ascontiguousarray(array[:, ::-1]) if mirror else array

    def box_on_photo(self, width: int, height: int) -> tuple[float, float, float, float]:
        """The xyxy region of a photo of that size that fills the square; may exceed the photo with ``pad``."""
        if self.resize == "crop":
            return _centre_square((width, height))
        if self.resize == "squash":
            return (0.0, 0.0, float(width), float(height))
        inner, left, top = _pad_layout((width, height), self.image_size)
        x_scale, y_scale = width / inner[0], height / inner[1]
        right, bottom = self.image_size - left, self.image_size - top
        return (-left * x_scale, -top * y_scale, right * x_scale, bottom * y_scale)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocess:
        mean, std = tuple(values["mean"]), tuple(values["std"])
        return cls(values["image_size"], values["resize"], values["interpolation"], mean, std)


def load_array(record: Record, preprocess: Preprocess, *, mirror: bool = False) -> NDArray[np.uint8]:
    """Open a record's photo and preprocess it.

    Raises:
        PhotoError: The file cannot be read.
    """
    from fieldmark.data.photos.open_photo import open_photo

    image = open_photo(record.path, trim_bottom=record.trim_bottom, draft=preprocess.draft_size)
    return preprocess(image, mirror=mirror)


def _centre_square(size: tuple[int, int]) -> tuple[float, float, float, float]:
    width, height = size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return (left, top, left + side, top + side)


def _pad(image: Image.Image, side: int, interpolation: str) -> Image.Image:
    inner, left, top = _pad_layout(image.size, side)
    small = resize(image, inner, interpolation)
    square = Image.new("RGB", (side, side), (128, 128, 128))
    square.paste(small, (left, top))
    return square


def _pad_layout(size: tuple[int, int], side: int) -> tuple[tuple[int, int], int, int]:
    """The size of the scaled photo inside the square, and where its left upper corner lies."""
    scale = side / max(size)
    width, height = (max(1, round(length * scale)) for length in size)
    return (width, height), (side - width) // 2, (side - height) // 2
