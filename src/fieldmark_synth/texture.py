"""Seamless textures that all pictures share: cloud noise, feather barbs, scalloped feathers."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from fieldmark_synth.pixels import Canvas, Field

__all__ = ["TILE", "barbs", "clouds", "grain", "ramp", "sample", "scallops"]

TILE = 256
"""Side of a texture in pixels; textures repeat without a seam."""


def ramp(values: Field, low: float, high: float) -> Field:
    """Return a smooth step: 0 below `low`, 1 above `high`."""
    share = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    smooth: Field = share * share * (3 - 2 * share)
    return smooth


def sample(tile: Field, x: Field, y: Field) -> Field:
    """Return the values of a texture at coordinates (H, W) in texture pixels."""
    columns = np.floor(x).astype(np.int32) & (TILE - 1)
    rows = np.floor(y).astype(np.int32) & (TILE - 1)
    values: Field = tile[rows, columns]
    return values


@cache
def clouds(exponent: float = 1.6, stretch: float = 1.0, seed: int = 1) -> Field:
    """Return fractal noise (256, 256) with mean 0 and standard deviation 1.

    Args:
        exponent: Decay of fine detail; 0 is white noise, 2 is soft.
        stretch: Above 1 the structures extend along x, below 1 along y.
        seed: Seed of the noise.
    """
    white = np.random.default_rng(seed).standard_normal((TILE, TILE))
    frequency = np.fft.fftfreq(TILE)
    distance = np.hypot(frequency[:, None], frequency[None, :] * stretch)
    distance[0, 0] = np.inf
    noise = np.fft.ifft2(np.fft.fft2(white) / np.maximum(distance, 1 / TILE) ** exponent).real
    return _standard(noise)


@cache
def barbs() -> Field:
    """Return fine streaks along x, like the barbs of small body feathers."""
    return _standard(0.6 * clouds(1.1, 5.0, seed=2) + 0.4 * clouds(0.6, 3.0, seed=3))


@cache
def scallops() -> Field:
    """Return rows of rounded feather tips along x with dark edges; values from -1 to 0."""
    step = 32
    x, y = np.meshgrid(np.arange(TILE), np.arange(TILE))
    value = np.zeros((TILE, TILE))
    for row in (0, 1):
        shifted = (y + row * step // 2) % step - step / 2
        along = (x + row * step // 2) % step
        edge = along - 0.75 * step + 0.045 * shifted**2
        value -= np.exp(-((edge / 2.2) ** 2)) * (np.abs(shifted) < step / 2)
    return np.clip(value, -1, 0).astype(np.float32)


@cache
def grain(side: int) -> Canvas:
    """Return sensor noise (3, side, side) with standard deviation 1; pictures use a random window of it."""
    return np.random.default_rng(4).standard_normal((3, side, side), dtype=np.float32)


def _standard(noise: NDArray[np.float64] | Field) -> Field:
    scaled: Field = ((noise - noise.mean()) / noise.std()).astype(np.float32)
    return scaled
