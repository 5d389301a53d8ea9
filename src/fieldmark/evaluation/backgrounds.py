"""Replace the background of an object, to measure how much a recognizer relies on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageFilter, ImageOps

from fieldmark.structures import Box

__all__ = ["BACKGROUNDS", "BackgroundChange", "largest_strip", "replace_background"]

GREY = (128, 128, 128)
SMALLEST_STRIP = 0.1
"""Smallest share of a photo that a strip beside its object must cover to serve as a background."""


@dataclass(frozen=True, slots=True)
class BackgroundChange:
    """A change of everything outside the box.

    Attributes:
        name: As in ``--json``.
        strengths: Strengths to test, rising.
        background: (photo, strength, background of another photo) -> an image of the same size, of which the part
            outside the box is used.
        unit: Unit of the strength, for a table.
        borrows: Whether it needs another photo's background.
    """

    name: str
    strengths: tuple[float, ...]
    background: Callable[[Image.Image, float, Image.Image | None], Image.Image]
    unit: str
    borrows: bool = False


def replace_background(image: Image.Image, box: Box, background: Image.Image) -> Image.Image:
    """Return the photo's pixels inside the box and the background's pixels outside it. Both have the same size."""
    left, top, right, bottom = (round(edge) for edge in box)
    inside = (max(0, left), max(0, top), min(image.width, right), min(image.height, bottom))
    changed = background.copy()
    if inside[0] < inside[2] and inside[1] < inside[3]:
        changed.paste(image.crop(inside), inside[:2])
    return changed


def largest_strip(image: Image.Image, box: Box) -> Image.Image | None:
    """Return the largest strip of a photo beside, above or below its object; None if all are too small."""
    left, top, right, bottom = (round(edge) for edge in box)
    width, height = image.size
    strips = [(0, 0, left, height), (right, 0, width, height), (0, 0, width, top), (0, bottom, width, height)]
    best = max(strips, key=_area)
    return image.crop(best) if _area(best) >= SMALLEST_STRIP * width * height else None


def _area(strip: tuple[int, int, int, int]) -> int:
    return max(0, strip[2] - strip[0]) * max(0, strip[3] - strip[1])


def _blurred(image: Image.Image, strength: float, other: Image.Image | None) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(strength * min(image.size)))


def _greyed(image: Image.Image, strength: float, other: Image.Image | None) -> Image.Image:
    return Image.blend(image, Image.new("RGB", image.size, GREY), strength)


def _swapped(image: Image.Image, strength: float, other: Image.Image | None) -> Image.Image:
    if other is None:
        return _greyed(image, strength, other)
    return Image.blend(image, ImageOps.fit(other, image.size, Image.Resampling.BICUBIC), strength)


BACKGROUNDS: tuple[BackgroundChange, ...] = (
    BackgroundChange("background_blur", (0.02, 0.05, 0.1), _blurred, "sigma/short side"),
    BackgroundChange("background_grey", (0.5, 1.0), _greyed, "of it grey"),
    BackgroundChange("background_swap", (0.5, 1.0), _swapped, "of it another's", borrows=True),
)
