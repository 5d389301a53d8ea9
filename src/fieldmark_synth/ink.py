"""Draw anti-aliased shapes with hard edges: feathers, beak, eye, legs, perch, leaves."""

from __future__ import annotations

from typing import Final, NamedTuple

from PIL import Image, ImageDraw

from fieldmark_synth.frames import Points
from fieldmark_synth.palette import Colour
from fieldmark_synth.pixels import Canvas, Field, Window, from_image

__all__ = ["Ink", "Layer"]

_OVERSAMPLING: Final = 3
_HAIR: Final = 3
"""Line width before reduction up to which round line ends are not visible."""


class Layer(NamedTuple):
    """A drawn rectangle of the picture; both arrays are in [0, 1].

    Attributes:
        window: Rows and columns in the picture.
        colour: Colour multiplied by alpha (3, h, w).
        alpha: (h, w).
    """

    window: Window
    colour: Canvas
    alpha: Field

    def lit(self, shade: Field) -> Layer:
        """Return this layer with its colours multiplied by a factor for each pixel (h, w)."""
        return self._replace(colour=self.colour * shade)

    def cover(self, canvas: Canvas) -> None:
        """Draw this layer over the canvas (3, H, W), in place."""
        ground = canvas[:, *self.window]
        ground *= 1 - self.alpha
        ground += self.colour


class Ink:
    """Supersampled canvas for opaque shapes in pixel coordinates.

    Args:
        size: Width and height of the picture in pixels.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        # Opaque shapes on transparent black are already premultiplied, so RGBX avoids the conversion that RGBA needs.
        self._image = Image.new("RGBX", (size * _OVERSAMPLING, size * _OVERSAMPLING), (0, 0, 0, 0))
        self._draw = ImageDraw.Draw(self._image)

    def polygon(self, points: Points, fill: Colour, edge: Colour | None = None, width: float = 1.0) -> None:
        """Fill a closed outline (N, 2) in pixels; `edge` is the colour of a line of `width` pixels along it."""
        corners = _scaled(points)
        self._draw.polygon(corners, fill=_bytes(fill))
        if edge is not None:
            self._draw.line([*corners, *corners[:4]], fill=_bytes(edge), width=_thick(width))

    def line(self, points: Points, colour: Colour, width: float) -> None:
        """Draw a line (N, 2) in pixels with round joints and ends."""
        corners = _scaled(points)
        thick = _thick(width)
        self._draw.line(corners, fill=_bytes(colour), width=thick, joint="curve")
        for x, y in (corners[:2], corners[-2:]) if thick > _HAIR else ():
            self._draw.ellipse(_around(x, y, thick / 2 - 0.5), fill=_bytes(colour))

    def disc(self, centre: Points, radius: float, colour: Colour) -> None:
        """Draw a disc around a point (2,), in pixels."""
        x, y = (float(c) * _OVERSAMPLING for c in centre)
        self._draw.ellipse(_around(x, y, radius * _OVERSAMPLING), fill=_bytes(colour))

    def layer(self) -> Layer:
        """Return the drawing, reduced to the size of the picture."""
        left, top, right, bottom = self._image.getbbox() or (0, 0, 1, 1)
        left, top = left // _OVERSAMPLING, top // _OVERSAMPLING
        right, bottom = -(-right // _OVERSAMPLING), -(-bottom // _OVERSAMPLING)
        n = _OVERSAMPLING
        small = self._image.reduce(n, box=(left * n, top * n, right * n, bottom * n))
        planes = from_image(small)
        return Layer((slice(top, bottom), slice(left, right)), planes[:3], planes[3])


def _scaled(points: Points) -> list[float]:
    flat: list[float] = (points * _OVERSAMPLING).ravel().tolist()
    return flat


def _bytes(colour: Colour) -> tuple[int, int, int, int]:
    red, green, blue = colour
    return (round(255 * min(1.0, red)), round(255 * min(1.0, green)), round(255 * min(1.0, blue)), 255)


def _thick(width: float) -> int:
    return max(1, round(width * _OVERSAMPLING))


def _around(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
    return (x - radius, y - radius, x + radius, y + radius)
