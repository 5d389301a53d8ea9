"""Draw the perch of the bird: a branch, a stone, a post or the ground."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fieldmark_synth.curves import stroke
from fieldmark_synth.frames import Points
from fieldmark_synth.ink import Ink
from fieldmark_synth.palette import Colour, mix
from fieldmark_synth.pixels import Canvas, Field, pixel_centres
from fieldmark_synth.texture import TILE, clouds, ramp, sample

__all__ = ["PERCHES", "paint_perch"]

_DARK: Final = (0.07, 0.06, 0.05)
_PALE: Final = (0.90, 0.86, 0.78)


def paint_perch(canvas: Canvas, foot: Points, rng: np.random.Generator) -> None:
    """Draw a perch of a random kind over the canvas, in place.

    Args:
        canvas: The picture (3, H, W).
        foot: Position of the feet (2,), in pixels.
        rng: Random numbers for kind, colour and shape.
    """
    size = canvas.shape[-1]
    paint = PERCHES[list(PERCHES)[int(rng.integers(len(PERCHES)))]]
    ink = Ink(size)
    stretch = paint(ink, foot, size, rng)
    layer = ink.layer()
    x, y = pixel_centres(layer.window)
    zoom = np.float32(TILE / size)
    right, down = (np.float32(start) for start in rng.integers(0, TILE, 2))
    rough = sample(clouds(1.0, stretch, seed=6), x * zoom + right, y * zoom + down)
    shade = (1 + np.float32(0.16) * rough) * _contact(foot, size, x, y)
    layer.lit(shade).cover(canvas)


def _contact(foot: Points, size: int, x: Field, y: Field) -> Field:
    """Draw the soft shadow of the bird on its perch."""
    across, down = np.float32(0.20 * size), np.float32(0.05 * size)
    distance = np.hypot((x - np.float32(foot[0])) / across, (y - np.float32(foot[1] + 0.01 * size)) / down)
    return np.float32(0.62) + np.float32(0.38) * ramp(distance, 0.2, 1.1)


def _branch(ink: Ink, foot: Points, size: int, rng: np.random.Generator) -> float:
    slope, bend = rng.uniform(-0.28, 0.28), rng.uniform(-0.10, 0.10)
    x = np.linspace(-0.7, 0.7, 40)
    y = slope * x + bend * x**2 + 0.004 * np.sin(x * rng.uniform(10, 20))
    thick = size * rng.uniform(0.026, 0.048) * (1 + rng.choice([-0.35, 0.35]) * x)
    line = foot + size * np.stack([x, y], axis=1) + np.array([0.0, float(thick[20]) * 0.86])
    _rounded(ink, line, thick, _wood(rng))
    for _ in range(int(rng.integers(0, 4))):
        _side_twig(ink, line, thick, rng)
    return 4.0


def _side_twig(ink: Ink, line: Points, thick: NDArray[np.float64], rng: np.random.Generator) -> None:
    start = int(rng.choice([rng.integers(2, 12), rng.integers(28, 38)]))
    angle, length = rng.uniform(0.4, 1.2) * rng.choice([-1, 1]), rng.uniform(0.08, 0.25) * (line[-1, 0] - line[0, 0])
    along = np.linspace(0, 1, 10)[:, None]
    twig = line[start] + along * length * np.array([np.cos(angle), np.sin(angle)])
    _rounded(ink, twig, thick[start] * np.linspace(0.45, 0.12, 10), _wood(rng))


def _rounded(ink: Ink, line: Points, thick: NDArray[np.float64], tone: Colour) -> None:
    """Draw a round stem, dark below and pale above."""
    for share, shift, colour in (
        (1.0, 0.0, mix(tone, _DARK, 0.62)),
        (0.84, -0.12, mix(tone, _DARK, 0.36)),
        (0.64, -0.24, tone),
        (0.36, -0.40, mix(tone, _PALE, 0.18)),
        (0.14, -0.52, mix(tone, _PALE, 0.34)),
    ):
        ink.polygon(stroke(line + np.stack([0 * thick, shift * thick], axis=1), share * thick), colour)


def _post(ink: Ink, foot: Points, size: int, rng: np.random.Generator) -> float:
    half, tone = size * rng.uniform(0.10, 0.16), _wood(rng)
    left, right = foot[0] - half, foot[0] + half
    top = foot[1] - 0.02 * size
    steps = 14
    for step in range(steps):
        near, far = (left + (right - left) * (step + extra) / steps for extra in (0, 1.05))
        light = np.sin(np.pi * (step + 0.3) / steps)
        column = np.array([(near, top), (far, top), (far, size + 2.0), (near, size + 2.0)])
        ink.polygon(column, mix(mix(tone, _DARK, 0.65), mix(tone, _PALE, 0.1), float(light)))
    angle = np.linspace(0, 2 * np.pi, 30)
    rim = np.stack([foot[0] + half * np.cos(angle), top + 0.035 * size * np.sin(angle)], axis=1)
    ink.polygon(rim, mix(tone, _PALE, 0.35))
    return 0.3


def _stone(ink: Ink, foot: Points, size: int, rng: np.random.Generator) -> float:
    tone = mix((0.42, 0.42, 0.42), (0.58, 0.52, 0.44), float(rng.random()))
    angle = np.linspace(0, np.pi, 24)
    wobble = 1 + 0.05 * np.sin(3 * angle + rng.uniform(0, 6)) + 0.03 * np.sin(7 * angle + rng.uniform(0, 6))
    width, height = size * rng.uniform(0.30, 0.55), size * rng.uniform(0.14, 0.22)
    for share, colour in ((1.0, mix(tone, _DARK, 0.5)), (0.97, mix(tone, _DARK, 0.2)), (0.88, tone)):
        arc = np.stack([-np.cos(angle) * width * share, -np.sin(angle) * height * share * wobble], axis=1)
        base = foot + arc + np.array([0.0, height * (0.96 + 1.6 * (1 - share))])
        low = np.array([(base[-1, 0], size + 2.0), (base[0, 0], size + 2.0)])
        ink.polygon(np.concatenate([base, low]), colour)
    return 1.0


def _ground(ink: Ink, foot: Points, size: int, rng: np.random.Generator) -> float:
    tone = mix((0.50, 0.42, 0.30), (0.36, 0.42, 0.24), float(rng.random()))
    x = np.linspace(-0.02, 1.02, 40) * size
    horizon = foot[1] - size * (0.035 + 0.012 * np.sin(x / size * rng.uniform(4, 12) + rng.uniform(0, 6)))
    for step in range(6):
        depth = horizon + (size - horizon) * step / 6
        low = np.array([(1.02 * size, size + 2.0), (-0.02 * size, size + 2.0)])
        ink.polygon(np.concatenate([np.stack([x, depth], axis=1), low]), mix(tone, _DARK, 0.05 * step))
    return 2.5


PERCHES: Final[dict[str, Callable[[Ink, Points, int, np.random.Generator], float]]] = {
    "branch": _branch,
    "post": _post,
    "stone": _stone,
    "ground": _ground,
}
"""Kind of perch -> its drawing function, which returns the stretch of the grain along x."""


def _wood(rng: np.random.Generator) -> Colour:
    return mix((0.36, 0.27, 0.19), (0.55, 0.50, 0.44), float(rng.random()))
