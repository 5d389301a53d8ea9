"""Overview pictures: a contact sheet of species, and a pair of look-alikes with their differences outlined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from fieldmark_synth.drawing import Drawing, draw_bird
from fieldmark_synth.species import Species, separating_parts

__all__ = ["contact_sheet", "look_alike_pair"]

_GAP: Final = 4
_PAPER: Final = (250, 249, 246)
_TEXT: Final = (40, 40, 40)
_OUTLINE: Final = (235, 40, 60)


def contact_sheet(species: Sequence[Species], columns: int = 5, *, seed: int = 0, size: int = 224) -> Image.Image:
    """Draw one row for each species: its name above `columns` pictures.

    Args:
        species: Species of the rows.
        columns: Number of pictures in a row.
        seed: Seed of the scenes; each picture has its own scene.
        size: Size of each picture in pixels.
    """
    caption = _caption_height(size)
    height = size + caption + _GAP
    sheet = Image.new("RGB", (columns * (size + _GAP) - _GAP, len(species) * height), _PAPER)
    for row, one in enumerate(species):
        _caption(sheet, one.name, (0, row * height), caption)
        for column in range(columns):
            drawing = draw_bird(one, np.random.default_rng([seed, row, column]), size)
            sheet.paste(drawing.image, (column * (size + _GAP), row * height + caption))
    return sheet


def look_alike_pair(first: Species, second: Species, *, seed: int = 0, size: int = 320) -> Image.Image:
    """Draw two species in the same scene, and outline the parts that differ.

    Args:
        first: Species on the left.
        second: Species on the right.
        seed: Seed of the scene.
        size: Size of each picture in pixels.
    """
    caption = _caption_height(size)
    sheet = Image.new("RGB", (2 * size + _GAP, size + caption), _PAPER)
    for column, one in enumerate((first, second)):
        drawing = draw_bird(one, np.random.default_rng(seed), size)
        _outline(drawing, separating_parts(first, second))
        _caption(sheet, one.name, (column * (size + _GAP), 0), caption)
        sheet.paste(drawing.image, (column * (size + _GAP), caption))
    return sheet


def _caption_height(size: int) -> int:
    return min(24, max(16, round(0.11 * size)))


def _caption(sheet: Image.Image, text: str, corner: tuple[int, int], height: int) -> None:
    font = ImageFont.load_default(0.72 * height)
    ImageDraw.Draw(sheet).text((corner[0] + 2, corner[1]), text, fill=_TEXT, font=font)


def _outline(drawing: Drawing, parts: Sequence[str]) -> None:
    draw = ImageDraw.Draw(drawing.image)
    for part in parts:
        if part in drawing.part_boxes:
            draw.rectangle(drawing.part_boxes[part], outline=_OUTLINE, width=2)
