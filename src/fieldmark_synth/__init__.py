"""Synthetic data sets of look-alike birds with known field marks."""

from fieldmark_synth.drawing import Drawing, draw_bird
from fieldmark_synth.field_marks import FieldMarks, read_field_marks
from fieldmark_synth.layouts.table import LAYOUTS
from fieldmark_synth.marks import PARTS
from fieldmark_synth.species import MAX_CLASSES, Species, separating_parts, species_list
from fieldmark_synth.synthesize import synthesize

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
