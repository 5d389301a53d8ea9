"""Arrays of pixel values and colours, and windows of the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fieldmark_synth.frames import Points
from fieldmark_synth.palette import Colour

__all__ = ["Canvas", "Field", "Window", "from_image", "one_colour", "pixel_centres", "to_image", "window_around"]

Field = NDArray[np.float32]
"""One value for each pixel, (H, W)."""

Canvas = NDArray[np.float32]
"""Colours in [0, 1], (3, H, W). Planes are several times faster than triples in arithmetic with a `Field`."""

Window = tuple[slice, slice]
"""Rows and columns of a picture."""


def window_around(points: Points, margin: float, size: int) -> Window:
    """Return the window of a square picture around points (N, 2), with a margin in pixels."""
    left, top = np.clip(np.floor(points.min(axis=0) - margin), 0, size - 1).astype(int)
    right, bottom = np.clip(np.ceil(points.max(axis=0) + margin), 1, size).astype(int)
    return slice(int(top), int(max(bottom, top + 1))), slice(int(left), int(max(right, left + 1)))


def pixel_centres(window: Window) -> tuple[Field, Field]:
    """Return the x coordinates (1, w) and y coordinates (h, 1) of the pixel centres."""
    rows, columns = window
    x = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :] + np.float32(0.5)
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] + np.float32(0.5)
    return x, y


def one_colour(colour: Colour) -> Canvas:
    """Return a colour as an array (3, 1, 1) that broadcasts to any canvas."""
    return np.asarray(colour, dtype=np.float32).reshape(3, 1, 1)


def from_image(image: Image.Image) -> Canvas:
    """Return a picture as planes (bands, H, W)."""
    planes = np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
    return planes * np.float32(1 / 255)


def to_image(canvas: Canvas) -> Image.Image:
    """Return the picture of a canvas (3, H, W); values are clipped to [0, 1]."""
    scaled = np.clip(canvas * np.float32(255) + np.float32(0.5), 0, 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(scaled.transpose(1, 2, 0)))
