"""Images with more than 8 bits: microscopy, CT, depth maps, floats, 16-bit colours. Their range becomes 0 to 255."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fieldmark.data.photos.deep_colour import DEEP_COLOURS
from fieldmark.errors import PhotoError

__all__ = ["ValueRange", "is_deep", "is_deep_grey", "to_8_bits", "value_range"]

_USUAL = {
    True: (
        *((0.0, 2.0**bits - 1) for bits in (8, 10, 12, 14, 16)),
        *((-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) for bits in (8, 10, 12, 14, 16)),
        (-1024.0, 3071.0),  # computed tomography
    ),
    False: ((0.0, 1.0), (-1.0, 1.0), (-0.5, 0.5), (0.0, 255.0)),
}
"""Whether the values are whole numbers -> the ranges that files usually use."""

_NEAR = 0.1
_OUTLIERS = (0.1, 99.9)
_OUTLIER_SHARE = 0.25
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_UNSIGNED = (1,)


@dataclass(frozen=True, slots=True)
class ValueRange:
    """The values that become black and white, and where they come from."""

    low: float
    high: float
    source: str

    def __str__(self) -> str:
        return f"{self.low:.6g} to {self.high:.6g} ({self.source})"


def is_deep(image: Image.Image) -> bool:
    """Whether a loaded image has more than 8 bits in a channel."""
    return is_deep_grey(image) or DEEP_COLOURS in image.info


def is_deep_grey(image: Image.Image) -> bool:
    """Whether an image is grey with more than 8 bits; it need not be loaded."""
    return image.mode.startswith("I") or image.mode == "F"


def value_range(image: Image.Image, name: str) -> ValueRange:
    """Choose the range of a deep image, the same for all its channels.

    The first that applies: the bits that a TIFF declares, where they are fewer than 16; percentiles, where a few
    outliers would take up most of the range; the smallest usual range (such as 12 bits) that the values nearly fill;
    the smallest and largest value.

    Raises:
        PhotoError: The image has no content: no pixel is a number, or all pixels are equal.
    """
    values = _values(image)
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values.ravel()
    if not finite.size:
        raise PhotoError(f"{name} has no content (no pixel is a number): export it again")
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        raise PhotoError(f"{name} has no content (every pixel is {low:.6g}): export it again")
    bits = _tag(image, _BITS, (16,))[0]
    if 8 < bits < 16:
        return ValueRange(0.0, 2.0**bits - 1, f"the {bits} bits that it declares")
    inner_low, inner_high = (float(value) for value in np.percentile(finite, _OUTLIERS))
    if 0 < inner_high - inner_low < _OUTLIER_SHARE * (high - low):
        return ValueRange(inner_low, inner_high, "percentiles 0.1 and 99.9")
    for start, end in sorted(_USUAL[image.mode != "F"], key=lambda ends: ends[1] - ends[0]):
        margin = _NEAR * (end - start)
        if start <= low <= start + margin and end - margin <= high <= end:
            return ValueRange(start, end, "the usual range that its values fill")
    return ValueRange(low, high, "its smallest and largest value")


def to_8_bits(image: Image.Image, name: str) -> Image.Image:
    """Scale a deep image to grey or RGB of 8 bits by its `value_range`. Pixels that are not a number become black.

    Raises:
        PhotoError: The image has no content.
    """
    found = value_range(image, name)
    values = _values(image)
    if values.dtype == np.uint16:  # a table of all values takes less memory than floats for all pixels
        levels = _levels(np.arange(65_536, dtype=np.float64), found)[values]
    else:
        levels = _levels(np.nan_to_num(values, nan=found.low, posinf=found.high, neginf=found.low), found)
    is_inverted = _tag(image, _PHOTOMETRIC, (1,)) == 0  # a TIFF whose 0 is white
    return Image.fromarray(255 - levels if is_inverted else levels)


def _levels(values: NDArray[np.float64], found: ValueRange) -> NDArray[np.uint8]:
    return np.clip(np.rint((values - found.low) * (255.0 / (found.high - found.low))), 0, 255).astype(np.uint8)


def _values(image: Image.Image) -> NDArray[Any]:
    """(H, W) of a grey image, (H, W, 3) of a coloured one: uint16 or float64."""
    if DEEP_COLOURS in image.info:
        colours: NDArray[Any] = image.info[DEEP_COLOURS]
        return colours
    values: NDArray[Any] = np.asarray(image)
    if image.mode == "I" and _tag(image, _SAMPLE_FORMAT, ()) == _UNSIGNED:
        values = values.view(np.uint32)
    return values if values.dtype == np.uint16 else values.astype(np.float64)


def _tag(image: Image.Image, tag: int, default: Any) -> Any:
    """A tag of a TIFF; the default for other files."""
    return getattr(image, "tag_v2", {}).get(tag, default)
