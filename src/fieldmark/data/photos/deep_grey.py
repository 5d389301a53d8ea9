"""Grey images with more than 8 bits: microscopy, CT, depth maps, floats. Their own range becomes black to white."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fieldmark.errors import PhotoError

__all__ = ["GreyRange", "deep_to_grey", "grey_range", "is_deep"]

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
class GreyRange:
    """The values that become black and white, and where they come from."""

    low: float
    high: float
    source: str

    def __str__(self) -> str:
        return f"{self.low:.6g} to {self.high:.6g} ({self.source})"


def is_deep(image: Image.Image) -> bool:
    """Whether the image is grey with more than 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def grey_range(image: Image.Image, name: str) -> GreyRange:
    """Choose the range of a deep image.

    The first that applies: the bits that a TIFF declares, where they are fewer than 16; percentiles, where a few
    outliers would take up most of the range; the smallest usual range (such as 12 bits) that the values nearly fill;
    the smallest and largest value.

    Raises:
        PhotoError: The image has no content: no pixel is a number, or all pixels are equal.
    """
    values = _values(image)
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise PhotoError(f"{name} has no content (no pixel is a number): export it again")
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        raise PhotoError(f"{name} has no content (every pixel is {low:.6g}): export it again")
    bits = _tag(image, _BITS, (16,))[0]
    if 8 < bits < 16:
        return GreyRange(0.0, 2.0**bits - 1, f"the {bits} bits that it declares")
    inner_low, inner_high = (float(value) for value in np.percentile(finite, _OUTLIERS))
    if 0 < inner_high - inner_low < _OUTLIER_SHARE * (high - low):
        return GreyRange(inner_low, inner_high, "percentiles 0.1 and 99.9")
    for start, end in sorted(_USUAL[image.mode != "F"], key=lambda ends: ends[1] - ends[0]):
        margin = _NEAR * (end - start)
        if start <= low <= start + margin and end - margin <= high <= end:
            return GreyRange(start, end, "the usual range that its values fill")
    return GreyRange(low, high, "its smallest and largest value")


def deep_to_grey(image: Image.Image, name: str) -> Image.Image:
    """Scale a deep image to 8 bits by its `grey_range`. Pixels that are not a number become black.

    Raises:
        PhotoError: The image has no content.
    """
    found = grey_range(image, name)
    values = np.nan_to_num(_values(image), nan=found.low, posinf=found.high, neginf=found.low)
    levels = np.clip(np.rint((values - found.low) * (255.0 / (found.high - found.low))), 0, 255).astype(np.uint8)
    is_inverted = _tag(image, _PHOTOMETRIC, (1,)) == 0  # a TIFF whose 0 is white
    return Image.fromarray(255 - levels if is_inverted else levels)


def _values(image: Image.Image) -> NDArray[np.float64]:
    values: NDArray[Any] = np.asarray(image)
    if image.mode == "I" and _tag(image, _SAMPLE_FORMAT, ()) == _UNSIGNED:
        values = values.view(np.uint32)
    return values.astype(np.float64)


def _tag(image: Image.Image, tag: int, default: Any) -> Any:
    """A tag of a TIFF; the default for other files."""
    return getattr(image, "tag_v2", {}).get(tag, default)
