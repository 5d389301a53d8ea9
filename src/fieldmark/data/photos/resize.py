"""Resize photos with the same rounding in every version of Pillow."""

from __future__ import annotations

from math import ceil

from PIL import Image

from fieldmark.structures import Box

__all__ = ["INTERPOLATIONS", "resize"]

_FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_SUPPORT = {"bilinear": 1.0, "bicubic": 2.0}
_GAP = 2.0

INTERPOLATIONS = tuple(_FILTERS)
"""Names of the filters."""


def resize(image: Image.Image, size: tuple[int, int], interpolation: str, box: Box | None = None) -> Image.Image:
    """Return a box of an image as an image of `size`, antialiased; the horizontal pass comes before the vertical one.

    The result is that of ``Image.resize(size, filter, box, reducing_gap=2.0)`` of Pillow up to version 12. Pillow 13
    begins with the vertical pass where a photo is high. Values are rounded to bytes between the passes, so that the
    answers of a network would depend on the version of Pillow, and differ from those in a browser.

    Args:
        image: Of a mode with bytes.
        size: (width, height) of the result.
        interpolation: ``bilinear`` or ``bicubic``.
        box: xyxy region of the image; None for all of it.
    """
    box = box or (0.0, 0.0, float(image.width), float(image.height))
    x1, y1, x2, y2 = box
    support = _SUPPORT[interpolation]
    across, down = (x2 - x1) / size[0], (y2 - y1) / size[1]
    factors = int(across / _GAP) or 1, int(down / _GAP) or 1
    if max(factors) > 1:  # blocks are averaged first, as long as twice the wanted size remains
        used = _around(image, box, (support - 0.5) * across, (support - 0.5) * down)
        image = image.reduce(factors, used)
        x1, x2 = ((x - used[0]) / factors[0] for x in (x1, x2))
        y1, y2 = ((y - used[1]) / factors[1] for y in (y1, y2))
        down = (y2 - y1) / size[1]
    _, top, _, bottom = _around(image, (x1, y1, x2, y2), 0.0, support * max(down, 1.0) + 1)
    rows = image.crop((0, top, image.width, bottom)) if bottom - top < image.height else image
    narrow = rows.resize((size[0], rows.height), _FILTERS[interpolation], (x1, 0, x2, rows.height))
    return narrow.resize(size, _FILTERS[interpolation], (0, y1 - top, size[0], y2 - top))


def _around(image: Image.Image, box: Box, across: float, down: float) -> tuple[int, int, int, int]:
    """Return the pixels of an image that lie in a box or at most so far from it."""
    x1, y1, x2, y2 = box
    right, bottom = min(image.width, ceil(x2 + across)), min(image.height, ceil(y2 + down))
    return max(0, int(x1 - across)), max(0, int(y1 - down)), right, bottom
