"""Draw the blurred background: sky, foliage, water, branches, reeds or plain texture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from fieldmark_synth.palette import Colour, mix
from fieldmark_synth.pixels import Canvas, Field, from_image, one_colour, to_image
from fieldmark_synth.texture import TILE, clouds

__all__ = ["BACKDROPS", "paint_backdrop"]

_COARSE: Final = 96
"""Side of the small canvas on which blurred shapes are drawn before they are enlarged."""


def paint_backdrop(rng: np.random.Generator, size: int) -> Canvas:
    """Return a blurred background (3, size, size) of a random kind."""
    paint = BACKDROPS[list(BACKDROPS)[int(rng.integers(len(BACKDROPS)))]]
    coarse = paint(rng)
    image = coarse.resize((size, size), Image.Resampling.BICUBIC)
    return from_image(image)


def _sky(rng: np.random.Generator) -> Image.Image:
    top = _between(rng, (0.36, 0.55, 0.80), (0.62, 0.70, 0.78))
    low = _between(rng, (0.78, 0.86, 0.92), (0.95, 0.88, 0.78))
    canvas = _gradient(top, low)
    cover = np.clip(_noise(rng, 1.9, 1.8) * 0.45 + rng.uniform(-0.3, 0.4), 0, 1)
    return to_image(canvas + (np.float32(0.96) - canvas) * cover * np.float32(0.75))


def _foliage(rng: np.random.Generator) -> Image.Image:
    deep = _between(rng, (0.10, 0.20, 0.08), (0.22, 0.26, 0.10))
    lit = _between(rng, (0.42, 0.58, 0.20), (0.70, 0.68, 0.28))
    canvas = _gradient(mix(deep, lit, 0.35), deep) * (1 + np.float32(0.15) * _noise(rng, 1.5))
    image = to_image(canvas)
    draw = ImageDraw.Draw(image, "RGBA")
    for _ in range(int(rng.integers(25, 60))):
        x, y, radius = rng.uniform(0, _COARSE), rng.uniform(0, _COARSE), rng.uniform(2, 9)
        tone = mix(deep, lit, float(rng.uniform(0.2, 1.0)))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_bytes(tone, int(rng.integers(60, 170))))
    return image.filter(ImageFilter.GaussianBlur(float(rng.uniform(1.2, 4.0))))


def _water(rng: np.random.Generator) -> Image.Image:
    far = _between(rng, (0.52, 0.64, 0.72), (0.72, 0.74, 0.70))
    near = _between(rng, (0.16, 0.30, 0.38), (0.30, 0.36, 0.32))
    canvas = _gradient(far, near)
    depth = np.linspace(0.25, 1, _COARSE, dtype=np.float32)[:, None]
    ripples = _noise(rng, 1.2, 6.0) * depth * np.float32(rng.uniform(0.04, 0.09))
    return to_image(canvas + ripples).filter(ImageFilter.GaussianBlur(0.7))


def _branches(rng: np.random.Generator) -> Image.Image:
    ground = _between(rng, (0.62, 0.66, 0.62), (0.50, 0.56, 0.44))
    canvas = _gradient(mix(ground, (1.0, 1.0, 1.0), 0.25), ground)
    image = to_image(canvas * (1 + np.float32(0.08) * _noise(rng, 1.8)))
    draw = ImageDraw.Draw(image)
    bark = _between(rng, (0.26, 0.20, 0.15), (0.42, 0.36, 0.30))
    for _ in range(int(rng.integers(6, 14))):
        start = rng.uniform(-0.2, 1.2, 2) * _COARSE
        angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.4) * _COARSE
        end = start + length * np.array([np.cos(angle), np.sin(angle)])
        tone = mix(bark, ground, float(rng.uniform(0.1, 0.7)))
        draw.line((*start, *end), fill=_bytes(tone), width=int(rng.integers(1, 6)))
    return image.filter(ImageFilter.GaussianBlur(float(rng.uniform(1.5, 3.0))))


def _reeds(rng: np.random.Generator) -> Image.Image:
    ground = _between(rng, (0.55, 0.58, 0.40), (0.70, 0.66, 0.50))
    image = to_image(_gradient(mix(ground, (0.85, 0.90, 0.92), 0.5), mix(ground, (0.15, 0.18, 0.08), 0.4)))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(25, 50))):
        x, lean = rng.uniform(-5, _COARSE + 5), rng.normal(0, 9)
        top = rng.uniform(-0.2, 0.6) * _COARSE
        tone = _between(rng, (0.36, 0.42, 0.16), (0.80, 0.72, 0.44))
        draw.line((x, _COARSE, x + lean, top), fill=_bytes(tone), width=int(rng.integers(1, 4)))
    return image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.9, 2.2))))


def _texture(rng: np.random.Generator) -> Image.Image:
    ground = _between(rng, (0.40, 0.36, 0.30), (0.66, 0.62, 0.56))
    canvas = _gradient(mix(ground, (1.0, 1.0, 1.0), 0.12), mix(ground, (0.0, 0.0, 0.0), 0.15))
    rough = _noise(rng, float(rng.uniform(1.0, 1.7)), float(rng.uniform(0.5, 2.0)))
    return to_image(canvas * (1 + np.float32(0.13) * rough))


BACKDROPS: Final[dict[str, Callable[[np.random.Generator], Image.Image]]] = {
    "sky": _sky,
    "foliage": _foliage,
    "water": _water,
    "branches": _branches,
    "reeds": _reeds,
    "texture": _texture,
}


def _between(rng: np.random.Generator, first: Colour, second: Colour) -> Colour:
    return mix(first, second, float(rng.random()))


def _gradient(top: Colour, low: Colour) -> Canvas:
    down = np.linspace(0, 1, _COARSE, dtype=np.float32)[:, None]
    first, last = one_colour(top), one_colour(low)
    return np.broadcast_to(first + (last - first) * down, (3, _COARSE, _COARSE))


def _noise(rng: np.random.Generator, exponent: float, stretch: float = 1.0) -> Field:
    """Return a window of cloud noise; the exponent is rounded so that few textures are computed."""
    tile = clouds(round(exponent * 2) / 2, round(stretch * 2) / 2, seed=5)
    row, column = (int(start) for start in rng.integers(0, TILE - _COARSE, 2))
    return tile[row : row + _COARSE, column : column + _COARSE]


def _bytes(colour: Colour, alpha: int = 255) -> tuple[int, int, int, int]:
    red, green, blue = (round(255 * channel) for channel in colour)
    return (red, green, blue, alpha)
