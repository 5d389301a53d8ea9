"""Procedurally drawn look-alike birds whose true field marks are known."""

from fieldmark.data.synth.drawing import Drawing, draw_bird
from fieldmark.data.synth.field_marks import FieldMarks, read_field_marks
from fieldmark.data.synth.layouts.table import LAYOUTS
from fieldmark.data.synth.marks import PARTS
from fieldmark.data.synth.species import MAX_CLASSES, Species, separating_parts, species_list
from fieldmark.data.synth.synthesize import synthesize

__all__ = [
    "LAYOUTS",
    "MAX_CLASSES",
    "PARTS",
    "Drawing",
    "FieldMarks",
    "Species",
    "draw_bird",
    "read_field_marks",
    "separating_parts",
    "species_list",
    "synthesize",
]
