"""Draw evidence as a transparent picture that lies over the photo."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fieldmark.explain import PhotoEvidence
from fieldmark.explain.overlay import heat_on

__all__ = ["overlay", "png", "png_uri"]

MAX_SIDE = 480
"""Longer side in pixels; the evidence maps have only about 12 cells along it."""

_WARM, _COLD = (213, 94, 0), (0, 114, 178)
_FAINT = 0.1


def overlay(evidence: PhotoEvidence, values: NDArray[np.float64]) -> Image.Image:
    """Return an evidence map as RGBA with the proportions of the photo: orange above 0, blue below.

    Args:
        evidence: Gives the position of the map in the photo.
        values: One of its maps.
    """
    scale = min(1.0, MAX_SIDE / max(evidence.size))
    out = (max(1, round(evidence.size[0] * scale)), max(1, round(evidence.size[1] * scale)))
    heat = heat_on(values, evidence.frame, evidence.size, out)
    strength = np.abs(heat) / max(float(np.abs(heat).max()), 1e-12)
    alpha = np.clip((strength - _FAINT) / (1 - _FAINT), 0, 1)
    pixels = np.empty((*heat.shape, 4), dtype=np.uint8)
    pixels[..., :3] = np.where(heat[..., None] > 0, np.array(_WARM), np.array(_COLD))
    pixels[..., 3] = np.rint(255 * alpha)
    return Image.fromarray(pixels)


def png(image: Image.Image) -> bytes:
    stream = BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def png_uri(image: Image.Image) -> str:
    """Return a data URI for the ``src`` of an image element."""
    return "data:image/png;base64," + base64.b64encode(png(image)).decode("ascii")
