"""Colours with 16 bits in each channel. Pillow keeps only the upper 8 bits, so the lower ones are decoded, too."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

__all__ = ["DEEP_COLOURS", "has_deep_colours", "load_deep_colours"]

DEEP_COLOURS = "fieldmark 16 bits"
"""Key in an image's `info`: (H, W, 3) uint16 values of its colours."""

_NATIVE = "L" if sys.byteorder == "little" else "B"
_OTHER = {"B": "L", "L": "B", "N": "B" if _NATIVE == "L" else "L"}
"""Byte order of the channels -> the one under which Pillow keeps the lower byte instead of the upper one."""


def has_deep_colours(image: ImageFile.ImageFile) -> bool:
    """Return whether an image that is not loaded yet has 16 bits in each channel of its colours."""
    return image.format in ("PNG", "TIFF") and bool(image.tile) and all(_is_deep(tile) for tile in image.tile)


def load_deep_colours(image: ImageFile.ImageFile) -> None:
    """Decode an image, and keep all 16 bits of its colours in `info`.

    The file is decoded twice. The second time Pillow is told the opposite byte order, and so keeps the lower bytes.
    """
    stream: Any = image.fp
    orders = [_other_order(tile) for tile in image.tile]
    image.load()
    stream.seek(0)
    with Image.open(stream, formats=[str(image.format)]) as lower:
        lower.tile = orders
        lower.load()
        upper_bytes, lower_bytes = _colours(image), _colours(lower)
    image.info[DEEP_COLOURS] = upper_bytes.astype(np.uint16) << 8 | lower_bytes


def _is_deep(tile: Any) -> bool:
    mode = _raw_mode(tile)
    return mode.startswith("RGB") and ";16" in mode and mode[-1] in _OTHER


def _raw_mode(tile: Any) -> str:
    arguments = tile[3]
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _other_order(tile: Any) -> Any:
    mode = _raw_mode(tile)
    swapped = mode[:-1] + _OTHER[mode[-1]]
    arguments = (swapped, *tile[3][1:]) if isinstance(tile[3], tuple) else swapped
    return tile._replace(args=arguments) if hasattr(tile, "_replace") else (*tile[:3], arguments)


def _colours(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image)[..., :3]
