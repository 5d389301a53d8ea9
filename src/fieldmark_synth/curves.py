"""Outlines: smooth closed curves, feathers and strokes."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from fieldmark_synth.frames import Points

__all__ = ["feather", "smooth_outline", "stroke"]


@cache
def _blend(steps: int) -> Points:
    """Return Catmull-Rom weights (steps, 4) of the four corners around each of `steps` points."""
    t = np.arange(steps) / steps
    return 0.5 * np.stack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2], axis=1)


def smooth_outline(corners: ArrayLike, steps: int = 6) -> Points:
    """Return a closed smooth curve (N * steps, 2) through corners (N, 2)."""
    points = np.asarray(corners, dtype=np.float64)
    around = np.stack([np.roll(points, shift, axis=0) for shift in (1, 0, -1, -2)], axis=1)
    curve: Points = np.einsum("sk,nkd->nsd", _blend(steps), around).reshape(-1, 2)
    return curve


_HALF = np.array([(0.0, 0.35), (0.25, 0.8), (0.55, 1.0), (0.8, 0.92), (0.93, 0.62), (1.0, 0.0)])
_FEATHER = np.concatenate([_HALF, _HALF[-2::-1] * (1, -1)])


def feather(base: ArrayLike, tip: ArrayLike, width: float, start: float = 0.0) -> Points:
    """Return the outline (N, 2) of a feather.

    Args:
        base: Root of the feather (2,).
        tip: Tip of the feather (2,).
        width: Half-width, in the units of the points.
        start: Draw only the share of the feather after this; 0.8 draws only the tip.
    """
    root, end = np.asarray(base, dtype=np.float64), np.asarray(tip, dtype=np.float64)
    axis = end - root
    across = np.array([-axis[1], axis[0]]) / max(float(np.hypot(*axis)), 1e-9)
    along = np.maximum(_FEATHER[:, :1], start)
    outline: Points = root + along * axis + _FEATHER[:, 1:] * width * across
    return outline


def stroke(centre: Points, widths: ArrayLike) -> Points:
    """Return the outline (2 N, 2) of a tapering stroke along points (N, 2) with half-widths (N,)."""
    along = np.gradient(centre, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * np.asarray(widths, dtype=np.float64)[:, None]
    return np.concatenate([centre + across, (centre - across)[::-1]])
