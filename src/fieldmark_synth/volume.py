"""The solid of the bird on the pixel grid: its soft-edged silhouette and how light falls on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark_synth.pixels import Field, Window, pixel_centres, window_around
from fieldmark_synth.skeleton import Cone

__all__ = ["Volume", "solidify"]


@dataclass(frozen=True, slots=True)
class Volume:
    """A solid seen by the camera.

    Attributes:
        window: Its rows and columns on the picture.
        alpha: Share of each pixel that it covers (h, w).
        height: Its thickness towards the camera in pixels (h, w), 0 outside.
    """

    window: Window
    alpha: Field
    height: Field

    def shade(self, light: tuple[float, float, float]) -> Field:
        """Brightness factor (h, w), about 0.5 in the shadow to 1.15 in the light.

        Args:
            light: Direction towards the light: right, down, towards the camera.
        """
        slope_y, slope_x = np.gradient(self.height)
        steep = np.sqrt(slope_x * slope_x + slope_y * slope_y + np.float32(0.8))
        length = float(np.linalg.norm(light))
        lambert = (np.float32(light[2] * 0.9) - slope_x * light[0] - slope_y * light[1]) / (steep * length)
        shade: Field = 0.52 + 0.64 * np.clip(lambert, 0, 1).astype(np.float32)
        return shade


def solidify(cones: Sequence[Cone], size: int, smooth: float) -> Volume:
    """Melt round cones into one solid.

    Args:
        cones: In pixels.
        size: Width and height of the picture in pixels.
        smooth: Radius in pixels with which the cones melt into one another.
    """
    ends = np.concatenate([np.stack([cone.start, cone.end]) for cone in cones])
    widest = max(max(cone.start_radius, cone.end_radius) for cone in cones)
    window = window_around(ends, widest + smooth, size)
    x, y = pixel_centres(window)
    nearest, bulge = _cone_field(cones[0], x, y)
    melted = nearest
    for cone in cones[1:]:
        distance, thick = _cone_field(cone, x, y)
        melted = _melt(melted, distance, smooth)
        nearest = np.minimum(nearest, distance)
        bulge = bulge + thick
    # The cube root of a sum of cubes is a soft maximum: no crease where two cones meet. Where the solid reaches beyond
    # its cones the slope goes on outwards, else its rim would face the camera.
    height = np.cbrt(bulge) - np.float32(1.5) * np.maximum(nearest, 0)
    return Volume(window, np.clip(0.5 - melted, 0, 1), height)


def _cone_field(cone: Cone, x: Field, y: Field) -> tuple[Field, Field]:
    """Distance to the cone's surface, and its thickness cubed, each (H, W)."""
    axis = (cone.end - cone.start).astype(np.float32)
    dx, dy = x - np.float32(cone.start[0]), y - np.float32(cone.start[1])
    square = max(float(axis @ axis), 1e-6)
    along = np.clip((dx * axis[0] + dy * axis[1]) / np.float32(square), 0, 1)
    # The eased radius runs level into both end discs: a straight one would leave a crease there.
    eased = along * along * (3 - 2 * along)
    radius = np.float32(cone.start_radius) + eased * np.float32(cone.end_radius - cone.start_radius)
    dx, dy = dx - along * axis[0], dy - along * axis[1]
    centre_square = dx * dx + dy * dy
    thick = np.sqrt(np.maximum(radius * radius - centre_square, 0))
    return np.sqrt(centre_square) - radius, thick * thick * thick


def _melt(first: Field, second: Field, smooth: float) -> Field:
    """Polynomial smooth minimum of two distances."""
    overlap = np.maximum(np.float32(smooth) - np.abs(first - second), 0)
    melted: Field = np.minimum(first, second) - overlap * overlap * np.float32(0.25 / smooth)
    return melted
