"""The bird as a solid on the pixel grid: its soft-edged silhouette and its shading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark_synth.pixels import Field, Window, pixel_centres, window_around
from fieldmark_synth.skeleton import Cone

__all__ = ["Volume", "solidify"]


@dataclass(frozen=True, slots=True)
class Volume:
    """A solid as the camera sees it.

    Attributes:
        window: Rows and columns in the picture.
        alpha: Covered share of each pixel (h, w).
        height: Thickness towards the camera in pixels (h, w), 0 outside.
    """

    window: Window
    alpha: Field
    height: Field

    def shade(self, light: tuple[float, float, float]) -> Field:
        """Return brightness factors (h, w), from about 0.5 in shadow to 1.15 in light.

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
    """Merge round cones into one smooth solid.

    Args:
        cones: Cones in pixels.
        size: Width and height of the picture in pixels.
        smooth: Radius of the smooth transition between cones, in pixels.
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
    # The cube root of a sum of cubes is a soft maximum, so there is no crease between two cones. Outside the cones the
    # slope continues outwards; otherwise the rim of the solid would face the camera.
    height = np.cbrt(bulge) - np.float32(1.5) * np.maximum(nearest, 0)
    return Volume(window, np.clip(0.5 - melted, 0, 1), height)


def _cone_field(cone: Cone, x: Field, y: Field) -> tuple[Field, Field]:
    """Return the distance to the cone's surface and the cubed thickness of the cone, both (H, W)."""
    axis = (cone.end - cone.start).astype(np.float32)
    dx, dy = x - np.float32(cone.start[0]), y - np.float32(cone.start[1])
    square = max(float(axis @ axis), 1e-6)
    along = np.clip((dx * axis[0] + dy * axis[1]) / np.float32(square), 0, 1)
    # The eased radius is level at both end discs: a linear one would leave a crease there.
    eased = along * along * (3 - 2 * along)
    radius = np.float32(cone.start_radius) + eased * np.float32(cone.end_radius - cone.start_radius)
    dx, dy = dx - along * axis[0], dy - along * axis[1]
    centre_square = dx * dx + dy * dy
    thick = np.sqrt(np.maximum(radius * radius - centre_square, 0))
    return np.sqrt(centre_square) - radius, thick * thick * thick


def _melt(first: Field, second: Field, smooth: float) -> Field:
    """Return the polynomial smooth minimum of two distances."""
    overlap = np.maximum(np.float32(smooth) - np.abs(first - second), 0)
    melted: Field = np.minimum(first, second) - overlap * overlap * np.float32(0.25 / smooth)
    return melted
