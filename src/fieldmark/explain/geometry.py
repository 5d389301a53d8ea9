"""Place grids of contributions on a photo: add them without loss, smooth them, find the box of the peak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fieldmark.arrays import Float64s
from fieldmark.structures import Box

__all__ = ["Patch", "common_frame", "lay", "smooth", "strongest"]


_FINE = 56
"""Places along each side where grids that do not coincide are laid over each other."""

_SMOOTH = 224
"""Samples along each side, at least, of the smooth map in which the peak is looked for."""

_STRONG = 0.5
"""Share of the peak's height that still belongs to the strongest evidence."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Contributions of the places of one feature map.

    Attributes:
        values: (T, h, w), for each of T classes.
        box: What the grid covers, xyxy.
    """

    values: Float64s
    box: Box

    def mirrored(self, width: float) -> Patch:
        """Return the patch in the mirror image, of an image of that width."""
        x1, y1, x2, y2 = self.box
        return Patch(self.values[:, :, ::-1], (width - x2, y1, width - x1, y2))

    def moved(self, to: Box, side: float) -> Patch:
        """Return the patch in the coordinates of `to`, the box that a square of that side shows."""
        x_scale, y_scale = (to[2] - to[0]) / side, (to[3] - to[1]) / side
        x1, y1, x2, y2 = self.box
        return Patch(
            self.values, (to[0] + x1 * x_scale, to[1] + y1 * y_scale, to[0] + x2 * x_scale, to[1] + y2 * y_scale)
        )

    def scaled(self, factor: float) -> Patch:
        return Patch(self.values * factor, self.box)


def common_frame(patches: Sequence[Patch]) -> Box:
    """Return the smallest box around all patches."""
    boxes = np.array([patch.box for patch in patches])
    x1, y1 = boxes[:, :2].min(0)
    x2, y2 = boxes[:, 2:].max(0)
    return (float(x1), float(y1), float(x2), float(y2))


def lay(patches: Sequence[Patch], frame: Box) -> Float64s:
    """Add all patches on one grid over the frame, (T, H, W); the sum over places inside the frame stays the same.

    If all patches cover the frame with equal grids, the result has that grid. Otherwise the value of each place is
    distributed over the places of a fine grid in proportion to the overlap.
    """
    shape = patches[0].values.shape
    if all(patch.values.shape == shape and np.allclose(patch.box, frame, atol=1e-3) for patch in patches):
        return np.asarray(np.sum([patch.values for patch in patches], axis=0))
    total = np.zeros((shape[0], _FINE, _FINE))
    for patch in patches:
        x1, y1, x2, y2 = patch.box
        rows = _shares(patch.values.shape[1], (y1 - frame[1], y2 - frame[1]), frame[3] - frame[1])
        columns = _shares(patch.values.shape[2], (x1 - frame[0], x2 - frame[0]), frame[2] - frame[0])
        total += rows @ patch.values @ columns.T
    return total


def smooth(values: Float64s, size: tuple[int, int]) -> Float64s:
    """Interpolate a grid (h, w) to a size given as (width, height)."""
    image = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC), dtype=np.float64)


def strongest(values: Float64s, frame: Box, size: tuple[int, int]) -> tuple[Box, tuple[float, float]]:
    """Return the box around the strongest evidence of a grid (h, w) over the frame, and its peak, inside the photo."""
    from scipy.ndimage import label

    height, width = (count * -(-_SMOOTH // count) for count in values.shape)
    fine = smooth(values, (width, height))
    steps = np.array([(frame[2] - frame[0]) / width, (frame[3] - frame[1]) / height])
    centres_x = frame[0] + (np.arange(width) + 0.5) * steps[0]
    centres_y = frame[1] + (np.arange(height) + 0.5) * steps[1]
    inside = ((centres_y > 0) & (centres_y < size[1]))[:, None] & ((centres_x > 0) & (centres_x < size[0]))
    fine = np.where(inside, fine, -np.inf)
    row, column = np.unravel_index(int(fine.argmax()), fine.shape)
    peak = fine[row, column]
    pieces, _ = label(fine >= (peak * _STRONG if peak > 0 else peak))
    rows, columns = np.nonzero(pieces == pieces[row, column])
    box = (
        max(0.0, float(frame[0] + columns.min() * steps[0])),
        max(0.0, float(frame[1] + rows.min() * steps[1])),
        min(float(size[0]), float(frame[0] + (columns.max() + 1) * steps[0])),
        min(float(size[1]), float(frame[1] + (rows.max() + 1) * steps[1])),
    )
    return box, (float(centres_x[column]), float(centres_y[row]))


def _shares(count: int, span: tuple[float, float], length: float) -> Float64s:
    """Return which fraction of each of `count` equal cells of a span lies in each fine cell: (fine, count)."""
    edges = np.linspace(span[0], span[1], count + 1) * (_FINE / length)
    cells = np.arange(_FINE)[:, None]
    overlap = np.minimum(edges[1:], cells + 1) - np.maximum(edges[:-1], cells)
    return np.asarray(np.maximum(overlap, 0.0) / np.diff(edges))
