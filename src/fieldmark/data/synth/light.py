"""The camera's share: direction and colour of the light, contrast, focus and sensor noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from fieldmark.data.synth.texture import grain

__all__ = ["Exposure"]

_NOISE_SIDE = 512


@dataclass(frozen=True, slots=True)
class Exposure:
    """How one picture is lit and taken.

    Attributes:
        direction: Towards the light: right, down, towards the camera.
        gains: Factors on red, green and blue: brightness and colour temperature.
        contrast: Factor on the distance from middle grey.
        blur: Gaussian radius as a share of the picture's width; 0 is in focus.
        noise: Deviation of the sensor noise, with 1 for white.
        window: Where the sensor noise begins on its texture.
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
            blur=float(rng.choice([0.0, rng.uniform(0.0015, 0.0065)], p=[0.6, 0.4])),
            noise=float(rng.uniform(0.004, 0.030)),
            window=(int(rng.integers(_NOISE_SIDE)), int(rng.integers(_NOISE_SIDE))),
        )

    def develop(self, canvas: NDArray[np.float32]) -> Image.Image:
        """The finished picture of a canvas (H, W, 3) in [0, 1]."""
        lit = canvas * np.asarray(self.gains, dtype=np.float32) - np.float32(0.48)
        lit = lit * np.float32(self.contrast) + np.float32(0.48)
        if self.blur:
            image = _image(lit).filter(ImageFilter.GaussianBlur(self.blur * canvas.shape[1]))
            lit = np.asarray(image, dtype=np.float32) / np.float32(255)
        return _image(lit + self._grain(*canvas.shape[:2]))

    def _grain(self, height: int, width: int) -> NDArray[np.float32]:
        rows = (np.arange(height) + self.window[0]) % _NOISE_SIDE
        columns = (np.arange(width) + self.window[1]) % _NOISE_SIDE
        noise = grain()[rows[:, None], columns[None, :]]
        return noise * np.float32(self.noise / 256)


def _image(canvas: NDArray[np.float32]) -> Image.Image:
    return Image.fromarray((np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8))
