"""Draw the folded wing: rows of overlapping feathers, with bars or a patch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldmark_synth.curves import feather
from fieldmark_synth.frames import Points
from fieldmark_synth.ink import Ink
from fieldmark_synth.marks import Mark
from fieldmark_synth.palette import Colour, mix
from fieldmark_synth.subject import INK, Subject

__all__ = ["paint_wing"]

_PALE: Final[Colour] = (0.95, 0.92, 0.84)
_TIP: Final = 0.72
"""The bar covers the tip of a feather after this share of its length."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of wing feathers, from its lower to its upper end.

    Attributes:
        roots: Where its first and its last feather begin, in body coordinates.
        tips: Where they end.
        count: Number of feathers.
        pale: Share of the back's colour in them.
        marked: What of a feather carries the wing's mark: nothing, its ``tip`` or the ``whole``.
    """

    roots: tuple[tuple[float, float], tuple[float, float]]
    tips: tuple[tuple[float, float], tuple[float, float]]
    count: int
    pale: float
    marked: str = ""


def paint_wing(ink: Ink, subject: Subject) -> Points:
    """Draw the wing, and return points (N, 2) in pixels around the rows that can have a mark."""
    mark = subject.species.mark("wing")
    reach = subject.skeleton.silhouette.primaries
    outlines = {name: _paint_row(ink, row, subject, mark) for name, row in _rows(reach, mark).items()}
    panel = subject.skeleton.body.place([(-0.34, 0.36), (-0.58, -0.02)])
    return np.concatenate([panel, *(outlines[name] for name in outlines if name in _MARKABLE)])


_MARKABLE: Final = ("panel", "greater coverts", "median coverts")


def _rows(reach: float, mark: Mark) -> dict[str, _Row]:
    """Return the rows of the wing in drawing order; `reach` is the distance of the tip beyond the rump."""
    greater = "tip" if mark.form in ("one_bar", "two_bars") else ""
    median = "tip" if mark.form == "two_bars" else ""
    tip = -1.12 - reach
    rows = {
        "primaries": _Row(((-0.30, 0.05), (-0.35, -0.10)), ((-0.62, 0.22), (tip, -0.22)), 6, 0.0),
        "secondaries": _Row(((0.10, 0.30), (0.05, -0.40)), ((-0.42, 0.40), (-0.78, -0.28)), 6, 0.12),
        "panel": _Row(((0.02, 0.32), (-0.10, -0.12)), ((-0.34, 0.36), (-0.58, -0.02)), 4, 0.12, "whole"),
        "greater coverts": _Row(((0.34, 0.28), (0.28, -0.42)), ((-0.06, 0.40), (-0.24, -0.46)), 7, 0.22, greater),
        "median coverts": _Row(((0.50, 0.20), (0.46, -0.40)), ((0.20, 0.33), (0.08, -0.50)), 6, 0.40, median),
        "lesser coverts": _Row(((0.66, 0.02), (0.62, -0.30)), ((0.40, 0.24), (0.30, -0.46)), 5, 0.62),
    }
    if mark.form != "patch":
        del rows["panel"]
    return rows


def _paint_row(ink: Ink, row: _Row, subject: Subject, mark: Mark) -> Points:
    """Draw the feathers of a row from its lower to its upper end, and return their outlines (N, 2) in pixels."""
    body = subject.skeleton.body
    width = 0.20 * subject.skeleton.silhouette.depth * subject.unit
    marked = subject.worn(mark.colour) if mark.colour else subject.upper
    base = marked if row.marked == "whole" else mix(subject.flight, subject.upper, row.pale)
    outlines = []
    roots, tips = body.place(np.linspace(*row.roots, row.count)), body.place(np.linspace(*row.tips, row.count))
    for index, (root, tip) in enumerate(zip(roots, tips, strict=True)):
        fill = base if row.marked == "whole" else mix(base, subject.upper, 0.08 * (index % 2))
        outline = feather(root, tip, width)
        ink.polygon(outline, fill, mix(fill, INK, 0.45), subject.hairline)
        ink.line(outline[len(outline) // 2 : -1], mix(fill, _PALE, 0.30), 0.9 * subject.hairline)
        if row.marked == "tip":
            ink.polygon(feather(root, tip, width, start=_TIP), marked, mix(marked, INK, 0.25))
        outlines.append(outline)
    return np.concatenate(outlines)
