"""Draw evidence over the photo: warm colours for a class, cold colours against it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fieldmark.arrays import Float64s
from fieldmark.explain.evidence import PhotoEvidence
from fieldmark.explain.geometry import smooth
from fieldmark.structures import Box

__all__ = ["attention_overlay", "contrast_overlay", "heat_on", "map_overlay"]


MAX_SIDE = 1024
"""Longer side of a picture in pixels, at most."""

_WARM = np.array([213.0, 94.0, 0.0])
_COLD = np.array([0.0, 114.0, 178.0])
_OBJECT = np.array([240.0, 228.0, 66.0])
"""Vermillion, blue and yellow of Okabe and Ito's palette, which every kind of colour vision tells apart."""

_STRENGTH = 0.8
"""Opacity of the strongest evidence."""

_FAINT = 0.15
"""Evidence below this share of the strongest is left out, so that the photo stays a photo."""

_FADE = 1 / 14
"""Share of the frame's side over which evidence fades out where the frame ends inside the photo."""

_STEPS = 1 / 80
"""Standard deviation of the blur that hides the edges of overlapping views, as a share of the frame's side."""


def contrast_overlay(evidence: PhotoEvidence, photo: Image.Image) -> Image.Image:
    """Draw the evidence for the winner (warm) and for the other class (cold), with a box around the strongest."""
    lines = [("for", evidence.label, _WARM), ("for", evidence.against, _COLD)]
    return _picture(evidence, photo, evidence.fine, [evidence.box], lines)


def map_overlay(evidence: PhotoEvidence, photo: Image.Image) -> Image.Image:
    """Draw the evidence for the winner (warm) and against it (cold)."""
    lines = [("for", evidence.label, _WARM), ("against", evidence.label, _COLD)]
    return _picture(evidence, photo, evidence.map, [], lines)


def attention_overlay(evidence: PhotoEvidence, photo: Image.Image) -> Image.Image:
    """Draw the attention of the method, above its minimum, and its regions."""
    attention = np.zeros((1, 1)) if evidence.attention is None else evidence.attention - evidence.attention.min()
    return _picture(evidence, photo, attention, list(evidence.regions), [("attention of the method", "", _WARM)])


def heat_on(values: Float64s, frame: Box, size: tuple[int, int], out: tuple[int, int]) -> Float64s:
    """A grid over a frame of a photo of some size, as (height, width) of a picture of that photo; 0 off the frame.

    It is made to be looked at: it fades out towards an edge of the frame that lies inside the photo, and the edges of
    the views that the grid was added up from are blurred.
    """
    from scipy.ndimage import gaussian_filter

    x_scale, y_scale = out[0] / size[0], out[1] / size[1]
    left, top, right, bottom = (
        round(edge * scale) for edge, scale in zip(frame, (x_scale, y_scale, x_scale, y_scale), strict=True)
    )
    width, height = max(1, right - left), max(1, bottom - top)
    heat = gaussian_filter(smooth(values, (width, height)), (_STEPS * height, _STEPS * width), mode="nearest")
    heat *= _fade(height, top > 0, bottom < out[1])[:, None] * _fade(width, left > 0, right < out[0])
    canvas = np.zeros((out[1], out[0]))
    x1, y1, x2, y2 = max(0, left), max(0, top), min(out[0], right), min(out[1], bottom)
    canvas[y1:y2, x1:x2] = heat[y1 - top : y2 - top, x1 - left : x2 - left]
    return canvas


def _fade(count: int, at_start: bool, at_end: bool) -> Float64s:
    """Factors (count,) that rise from 0 at the edges that lie inside the photo."""
    steps = (np.arange(count) + 0.5) / max(1.0, _FADE * count)
    start = np.minimum(1.0, steps) if at_start else np.ones(count)
    end = np.minimum(1.0, steps[::-1]) if at_end else np.ones(count)
    return np.asarray(start * end)


def _picture(
    evidence: PhotoEvidence,
    photo: Image.Image,
    values: Float64s,
    boxes: Sequence[Box],
    lines: Sequence[tuple[str, str, Float64s]],
) -> Image.Image:
    scale = min(1.0, MAX_SIDE / max(photo.size))
    width, height = (max(1, round(side * scale)) for side in photo.size)
    small = photo.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    picture = _tinted(small, heat_on(values, evidence.frame, evidence.size, (width, height)))
    draw = ImageDraw.Draw(picture)
    ratio = (width / evidence.size[0], height / evidence.size[1])
    outlines = [(box, "white") for box in boxes]
    if evidence.object_box is not None:
        red, green, blue = (int(value) for value in _OBJECT)
        outlines.append((evidence.object_box, f"rgb({red}, {green}, {blue})"))
        lines = [*lines, ("box around the object that was zoomed in on", "", _OBJECT)]
    for (x1, y1, x2, y2), colour in outlines:
        corners = (x1 * ratio[0], y1 * ratio[1], x2 * ratio[0] - 1, y2 * ratio[1] - 1)
        draw.rectangle(_ordered(corners), outline=colour, width=max(1, width // 200))
    return _with_legend(picture, lines)


def _tinted(photo: Image.Image, heat: Float64s) -> Image.Image:
    """The photo in grey, its colours kept by half, under the colours of the heat."""
    pixels = np.asarray(photo, dtype=np.float64)
    ground = 0.5 * pixels + 0.5 * np.asarray(photo.convert("L"), dtype=np.float64)[..., None]
    strength = np.abs(heat) / max(float(np.abs(heat).max()), 1e-12)
    opacity = (_STRENGTH * np.clip((strength - _FAINT) / (1 - _FAINT), 0, 1))[..., None]
    colour = np.where(heat[..., None] > 0, _WARM, _COLD)
    mixed = ground * (1 - opacity) + colour * opacity
    return Image.fromarray(np.clip(np.rint(mixed), 0, 255).astype(np.uint8))


def _with_legend(picture: Image.Image, lines: Sequence[tuple[str, str, Float64s]]) -> Image.Image:
    """The picture above a strip with one line for each colour."""
    font_size = max(11, picture.width // 32)
    font, step = _font(font_size), round(font_size * 1.5)
    taller = Image.new("RGB", (picture.width, picture.height + step * len(lines) + step // 2), "white")
    taller.paste(picture)
    draw = ImageDraw.Draw(taller)
    for index, (words, name, colour) in enumerate(lines):
        top = picture.height + step // 4 + index * step
        swatch = (step // 4, top + step // 6, step // 4 + font_size, top + step // 6 + font_size)
        draw.rectangle(swatch, fill=(int(colour[0]), int(colour[1]), int(colour[2])))
        draw.text((step // 2 + font_size, top), f"{words} {name}".strip(), fill="black", font=font)
    return taller


def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans from the files of matplotlib, without importing it.

    Pillow's own font draws boxes for accented, Greek and Cyrillic letters.
    """
    spec = find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    return ImageFont.truetype(Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def _ordered(corners: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = corners
    return (x1, y1, max(x1, x2), max(y1, y2))
