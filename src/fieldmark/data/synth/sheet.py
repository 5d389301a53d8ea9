"""Pictures of pictures: a contact sheet of species, and a pair of look-alikes with what separates them outlined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from fieldmark.data.synth.drawing import Drawing, draw_bird
from fieldmark.data.synth.species import Species, separating_parts

__all__ = ["contact_sheet", "look_alike_pair"]

_GAP: Final = 4
_CAPTION: Final = 18
_PAPER: Final = (250, 249, 246)
_TEXT: Final = (40, 40, 40)
_OUTLINE: Final = (235, 40, 60)


def contact_sheet(species: Sequence[Species], columns: int = 5, *, seed: int = 0, size: int = 224) -> Image.Image:
    """One row a species, its name above `columns` pictures of it.

    Args:
        species: The rows.
        columns: Pictures a row.
        seed: Decides on the scenes; no two pictures share one.
        size: Of each picture, in pixels.
    """
    height = size + _CAPTION + _GAP
    sheet = Image.new("RGB", (columns * (size + _GAP) - _GAP, len(species) * height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for row, one in enumerate(species):
        draw.text((2, row * height + 3), one.name, fill=_TEXT)
        for column in range(columns):
            drawing = draw_bird(one, np.random.default_rng([seed, row, column]), size)
            sheet.paste(drawing.image, (column * (size + _GAP), row * height + _CAPTION))
    return sheet


def look_alike_pair(first: Species, second: Species, *, seed: int = 0, size: int = 320) -> Image.Image:
    """Two species in one and the same scene, the parts that separate them outlined.

    Args:
        first: The left one.
        second: The right one.
        seed: Decides on the scene.
        size: Of each picture, in pixels.
    """
    sheet = Image.new("RGB", (2 * size + _GAP, size + _CAPTION), _PAPER)
    for column, one in enumerate((first, second)):
        drawing = draw_bird(one, np.random.default_rng(seed), size)
        _outline(drawing, separating_parts(first, second))
        sheet.paste(drawing.image, (column * (size + _GAP), _CAPTION))
        ImageDraw.Draw(sheet).text((column * (size + _GAP) + 2, 3), one.name, fill=_TEXT)
    return sheet


def _outline(drawing: Drawing, parts: Sequence[str]) -> None:
    draw = ImageDraw.Draw(drawing.image)
    for part in parts:
        if part in drawing.part_boxes:
            draw.rectangle(drawing.part_boxes[part], outline=_OUTLINE, width=2)
