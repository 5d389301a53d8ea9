"""Draw leaves and twigs between the camera and the bird."""

from __future__ import annotations

from typing import Final

import numpy as np

from fieldmark_synth.curves import stroke
from fieldmark_synth.frames import Points
from fieldmark_synth.ink import Ink, Layer
from fieldmark_synth.palette import Colour, mix

__all__ = ["paint_foreground"]

_DARK: Final = (0.05, 0.08, 0.03)
_PALE: Final = (0.93, 0.95, 0.70)
_CHANCE: Final = 0.65


def paint_foreground(rng: np.random.Generator, size: int) -> list[Layer]:
    """Return leaves and twigs for a picture of `size` pixels; an empty list for a picture without any.

    A twig grows from the border of the picture towards a random point, so it may hide any part of the bird.
    """
    if rng.random() > _CHANCE:
        return []
    ink = Ink(size)
    tone = mix((0.24, 0.40, 0.12), (0.58, 0.56, 0.16), float(rng.random()))
    for _ in range(int(rng.integers(1, 4))):
        _sprig(ink, rng, size, tone)
    return [ink.layer()]


def _sprig(ink: Ink, rng: np.random.Generator, size: int, tone: Colour) -> None:
    angle = rng.uniform(0, 2 * np.pi)
    outward = np.array([np.cos(angle), np.sin(angle)])
    start = size * (0.5 + 0.78 * outward)
    end = size * (0.5 + rng.uniform(0.0, 0.36) * outward + rng.normal(0, 0.05, 2))
    share = np.linspace(0, 1, 16)[:, None]
    sag = np.array([-outward[1], outward[0]]) * rng.normal(0, 0.05) * size
    stem = start + share * (end - start) + np.sin(np.pi * share) * sag
    ink.polygon(stroke(stem, size * np.linspace(0.011, 0.004, 16)), mix(tone, (0.25, 0.16, 0.08), 0.6))
    for index in range(6, 16, int(rng.integers(3, 5))):
        heading = np.arctan2(*(stem[index] - stem[index - 1])[::-1]) + rng.choice([-1, 1]) * rng.uniform(0.4, 1.1)
        _leaf(ink, rng, stem[index], float(heading), size * rng.uniform(0.09, 0.21), tone)


def _leaf(ink: Ink, rng: np.random.Generator, base: Points, heading: float, length: float, tone: Colour) -> None:
    along = np.array([np.cos(heading), np.sin(heading)])
    across = np.array([-along[1], along[0]])
    share = np.linspace(0, 1, 14)
    profile = 0.30 * np.sin(np.pi * share**0.8) * (1 - 0.25 * share)
    rib = base + length * (share[:, None] * along + 0.08 * np.sin(np.pi * share)[:, None] * across)
    fill = mix(tone, _DARK, float(rng.uniform(0.0, 0.3)))
    for side, colour in ((1, mix(fill, _PALE, 0.16)), (-1, mix(fill, _DARK, 0.16))):
        edge = rib + side * length * profile[:, None] * across
        ink.polygon(np.concatenate([rib, edge[::-1]]), colour)
    ink.line(rib[:-1], mix(fill, _PALE, 0.4), max(0.6, 0.02 * length))
