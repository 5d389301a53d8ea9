"""Arrays of pixels: a value or a colour each, and windows into the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fieldmark.data.synth.frames import Points

__all__ = ["Canvas", "Field", "Window", "pixel_centres", "window_around"]

Field = NDArray[np.float32]
"""One value a pixel, (H, W)."""

Canvas = NDArray[np.float32]
"""Colours in [0, 1], (H, W, 3)."""

Window = tuple[slice, slice]
"""Rows and columns of a picture."""


def window_around(points: Points, margin: float, size: int) -> Window:
    """The pixels of a square picture that lie within `margin` of the bounds of points (N, 2)."""
    left, top = np.clip(np.floor(points.min(axis=0) - margin), 0, size - 1).astype(int)
    right, bottom = np.clip(np.ceil(points.max(axis=0) + margin), 1, size).astype(int)
    return slice(int(top), int(max(bottom, top + 1))), slice(int(left), int(max(right, left + 1)))


def pixel_centres(window: Window) -> tuple[Field, Field]:
    """Columns (1, w) and rows (h, 1) of the pixels' middles."""
    rows, columns = window
    x = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] + np.float32(0.5)
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + np.float32(0.5)
    return x, y
