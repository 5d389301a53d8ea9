"""Local coordinate frames for the body, the head and the tail."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Frame", "Points"]

Points = NDArray[np.float64]
"""Points as an array of shape (N, 2), x before y."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An affine map from local coordinates (x forward, y down) to pixels of the picture.

    Attributes:
        matrix: (2, 2); its columns are the local axes in pixels.
        origin: (2,); the local origin in pixels.
    """

    matrix: Points
    origin: Points

    def place(self, points: ArrayLike) -> Points:
        """Convert local points (N, 2) to pixels (N, 2)."""
        placed: Points = np.asarray(points, dtype=np.float64) @ self.matrix.T + self.origin
        return placed

    def locate(self, x: NDArray[np.float32], y: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Convert a pixel grid, `x` (1, W) and `y` (H, 1), to two arrays (H, W) of local coordinates."""
        inverse = np.linalg.inv(self.matrix).astype(np.float32)
        dx, dy = x - np.float32(self.origin[0]), y - np.float32(self.origin[1])
        return inverse[0, 0] * dx + inverse[0, 1] * dy, inverse[1, 0] * dx + inverse[1, 1] * dy

    def child(self, at: ArrayLike, turn: float = 0.0, scale: tuple[float, float] = (1.0, 1.0)) -> Frame:
        """Return a frame inside this one.

        Args:
            at: Origin of the new frame, in coordinates of this frame.
            turn: Rotation in degrees; positive lifts the forward axis.
            scale: Lengths of the x and y axes, in units of this frame.
        """
        cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        axes = np.array([[cos, sin], [-sin, cos]]) @ np.diag(scale)
        return Frame(self.matrix @ axes, self.place(np.asarray(at)[None])[0])

    @property
    def unit(self) -> float:
        """Pixels per local unit, the mean over both axes."""
        (a, b), (c, d) = self.matrix.tolist()
        return math.sqrt(abs(a * d - b * c))
