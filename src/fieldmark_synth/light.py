"""Light and camera: direction and colour of the light, contrast, focus and sensor noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from fieldmark_synth.pixels import Canvas, from_image, one_colour, to_image
from fieldmark_synth.texture import grain

__all__ = ["Exposure"]

_MIDDLE_GREY: Final = 0.48
_NOISE_WINDOWS: Final = 128


@dataclass(frozen=True, slots=True)
class Exposure:
    """Light and camera settings of one picture.

    Attributes:
        direction: Towards the light: right, down, towards the camera.
        gains: Factors for red, green and blue: brightness and colour temperature.
        contrast: Factor for the distance from middle grey.
        blur: Gaussian radius as a share of the picture's width; 0 is in focus.
        noise: Standard deviation of the sensor noise; white is 1.
        window: Offset of the sensor noise in its texture.
    """

    direction: tuple[float, float, float]
    gains: tuple[float, float, float]
    contrast: float
    blur: float
    noise: float
    window: tuple[int, int]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Exposure:
        brightness, warmth = rng.uniform(0.78, 1.16), rng.uniform(-0.11, 0.11)
        return cls(
            direction=(float(rng.uniform(-0.55, 0.55)), -0.75, float(rng.uniform(0.45, 0.75))),
            gains=(float(brightness * (1 + warmth)), float(brightness), float(brightness * (1 - warmth))),
            contrast=float(rng.uniform(0.78, 1.15)),
            blur=float(rng.choice([0.0, rng.uniform(0.0015, 0.0055)], p=[0.6, 0.4])),
            noise=float(rng.uniform(0.004, 0.025)),
            window=(int(rng.integers(_NOISE_WINDOWS)), int(rng.integers(_NOISE_WINDOWS))),
        )

    def develop(self, canvas: Canvas) -> Image.Image:
        """Return the finished picture of a canvas (3, H, W)."""
        grey, height, width = np.float32(_MIDDLE_GREY), *canvas.shape[1:]
        lit = (canvas * one_colour(self.gains) - grey) * np.float32(self.contrast) + grey
        if self.blur:
            lit = from_image(to_image(lit).filter(ImageFilter.GaussianBlur(self.blur * width)))
        row, column = self.window
        noise = grain(max(height, width) + _NOISE_WINDOWS)
        return to_image(lit + noise[:, row : row + height, column : column + width] * np.float32(self.noise))
