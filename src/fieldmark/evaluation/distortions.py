"""Distortions of photos. Strength 0 changes no pixel.

Lengths are shares of the photo's shorter side, so that a strength means the same at every size. Pixels uncovered by a
shift, a rotation or a smaller scale come from the mirrored photo, because a plain border would be a second distortion.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from fieldmark.arrays import Float64s

__all__ = ["DISTORTIONS", "Distortion"]

GREY = (128, 128, 128)


@dataclass(frozen=True, slots=True)
class Distortion:
    """A distortion of a whole photo.

    Attributes:
        name: As in ``--json``.
        strengths: Strengths to test, rising.
        apply: (upright RGB photo, strength, generator) -> a photo of the same size. The generator decides directions
            and places; in the same state, a larger strength goes further in the same direction.
        unit: Unit of the strength, for a table.
    """

    name: str
    strengths: tuple[float, ...]
    apply: Callable[[Image.Image, float, np.random.Generator], Image.Image]
    unit: str


def _translate(image: Image.Image, strength: float, generator: np.random.Generator) -> Image.Image:
    angle = generator.uniform(0.0, 2 * math.pi)
    length = strength * min(image.size)
    return _resample(image, np.eye(2), np.array([length * math.cos(angle), length * math.sin(angle)]))


def _rotate(image: Image.Image, strength: float, generator: np.random.Generator) -> Image.Image:
    angle = math.radians(strength) * generator.choice((-1.0, 1.0))
    cos, sin = math.cos(angle), math.sin(angle)
    return _resample(image, np.array([[cos, -sin], [sin, cos]]))


def _shrink(image: Image.Image, strength: float, generator: np.random.Generator) -> Image.Image:
    return _resample(image, np.eye(2) / (1.0 - strength))


def _enlarge(image: Image.Image, strength: float, generator: np.random.Generator) -> Image.Image:
    return _resample(image, np.eye(2) * (1.0 - strength))


def _darken(image: Image.Image, strength: float, generator: np.random.Generator) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(1.0 - strength)


def _brighten(image: Image.Image, strength: float, generator: np.random.Generator) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(1.0 + strength)


def _flatten(image: Image.Image, strength: float, generator: np.random.Generator) -> Image.Image:
    return ImageEnhance.Contrast(image).enhance(1.0 - strength)


def _blur(image: Image.Image, strength: float, generator: np.random.Generator) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(strength * min(image.size)))


def _occlude(image: Image.Image, strength: float, generator: np.random.Generator) -> Image.Image:
    """Cover a share of the largest centred square with a grey square, at a random place inside it."""
    whole = min(image.size)
    side = round(whole * math.sqrt(strength))
    x, y = generator.uniform(size=2)
    left = (image.width - whole) // 2 + round(float(x) * (whole - side))
    top = (image.height - whole) // 2 + round(float(y) * (whole - side))
    covered = image.copy()
    covered.paste(GREY, (left, top, left + side, top + side))
    return covered


def _resample(image: Image.Image, turn: Float64s, shift: Float64s | None = None) -> Image.Image:
    """Take the pixel at centre + v from centre + turn @ v - shift, mirrored beyond the edges."""
    width, height = image.size
    shift = np.zeros(2) if shift is None else shift
    if np.array_equal(turn, np.eye(2)) and not shift.any():
        return image.copy()
    corners = np.array([[x, y] for x in (-width / 2, width / 2) for y in (-height / 2, height / 2)]) @ turn.T - shift
    reach = np.abs(corners).max(0) - (width / 2, height / 2)
    x_margin, y_margin = (max(0, math.ceil(length)) + 2 for length in reach)  # two pixels more for the interpolation
    margins = ((y_margin, y_margin), (x_margin, x_margin), (0, 0))
    padded = Image.fromarray(np.pad(np.asarray(image), margins, mode="symmetric"))
    centre, margin = np.array([width / 2, height / 2]), np.array([x_margin, y_margin])
    offset = centre + margin - shift - turn @ centre
    matrix = (turn[0, 0], turn[0, 1], offset[0], turn[1, 0], turn[1, 1], offset[1])
    return padded.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)


DISTORTIONS: tuple[Distortion, ...] = (
    Distortion("translate", (0.05, 0.1, 0.2), _translate, "of short side"),
    Distortion("rotate", (10.0, 20.0, 40.0), _rotate, "degrees"),
    Distortion("shrink", (0.2, 0.4, 0.6), _shrink, "of size lost"),
    Distortion("enlarge", (0.2, 0.4, 0.6), _enlarge, "of side cut off"),
    Distortion("darken", (0.25, 0.5, 0.75), _darken, "of light lost"),
    Distortion("brighten", (0.25, 0.5, 1.0), _brighten, "of light added"),
    Distortion("contrast", (0.25, 0.5, 0.75), _flatten, "of contrast lost"),
    Distortion("blur", (0.005, 0.01, 0.02), _blur, "sigma/short side"),
    Distortion("occlude", (0.05, 0.1, 0.25), _occlude, "of square hidden"),
)
