"""Feathers with hard edges: wing, tail, crest, and the streaks and spots of the breast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldmark.data.synth.curves import feather
from fieldmark.data.synth.frames import Points
from fieldmark.data.synth.ink import Ink
from fieldmark.data.synth.marks import Mark
from fieldmark.data.synth.palette import Colour, mix, rgb
from fieldmark.data.synth.pose import Individual
from fieldmark.data.synth.skeleton import Skeleton

__all__ = ["Painter"]

_INK: Final = (0.10, 0.09, 0.09)
_PALE: Final = (0.95, 0.92, 0.84)

# Outer feathers' length by the tail's form, for a feather at -1 (lower edge) to 1 (upper edge).
_TAIL_LENGTHS: Final = {
    "square": lambda place: 1.0 - 0.02 * place**2,
    "forked": lambda place: 0.66 + 0.46 * np.abs(place) ** 1.3,
    "rounded": lambda place: 1.02 - 0.30 * place**2,
    "pointed": lambda place: 1.18 - 0.62 * np.abs(place),
}


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


def _rows(skeleton: Skeleton, mark: Mark) -> dict[str, _Row]:
    """The wing's rows in the order in which they overlap."""
    reach = -1.12 - skeleton.silhouette.primaries
    greater = "tip" if mark.form in ("one_bar", "two_bars") else ""
    median = "tip" if mark.form == "two_bars" else ""
    rows = {
        "primaries": _Row(((-0.30, 0.05), (-0.35, -0.10)), ((-0.62, 0.22), (reach, -0.22)), 6, 0.0),
        "secondaries": _Row(((0.10, 0.30), (0.05, -0.40)), ((-0.42, 0.40), (-0.78, -0.28)), 6, 0.12),
        "panel": _Row(((0.02, 0.32), (-0.10, -0.12)), ((-0.34, 0.36), (-0.58, -0.02)), 4, 0.12, "whole"),
        "greater coverts": _Row(((0.34, 0.28), (0.28, -0.42)), ((-0.06, 0.40), (-0.24, -0.46)), 7, 0.22, greater),
        "median coverts": _Row(((0.50, 0.20), (0.46, -0.40)), ((0.20, 0.33), (0.08, -0.50)), 6, 0.40, median),
        "lesser coverts": _Row(((0.66, 0.02), (0.62, -0.30)), ((0.40, 0.24), (0.30, -0.46)), 5, 0.62),
    }
    if mark.form != "patch":
        del rows["panel"]
    return rows


@dataclass(frozen=True, slots=True)
class Painter:
    """Draws the feathers of one bird; every method returns the points (N, 2) that its mark takes up, in pixels.

    Attributes:
        skeleton: Where the parts lie.
        individual: Tints the colours and places the streaks.
        upper: Colour of the back.
    """

    skeleton: Skeleton
    individual: Individual
    upper: Colour

    @property
    def _pixel(self) -> float:
        """Width of a thin line: grows with the bird."""
        return self.skeleton.bird.unit / 200

    @property
    def _flight(self) -> Colour:
        """Wing and tail are darker than the back."""
        return mix(self.upper, (0.13, 0.12, 0.12), 0.62)

    def tail(self, ink: Ink, mark: Mark) -> Points:
        silhouette, pose = self.skeleton.silhouette, self.skeleton.pose
        frame, unit = self.skeleton.tail, self.skeleton.bird.unit
        places = np.linspace(-1, 1, 7)
        lengths = silhouette.tail * _TAIL_LENGTHS[mark.form](places) + 0.08
        spread = silhouette.tail_width * pose.fan * (1.5 if mark.form == "rounded" else 1.15)
        tips = frame.place(np.stack([-lengths, -places * spread], axis=1))
        roots = frame.place(np.stack([np.full(7, 0.08), -places * 0.25 * silhouette.tail_width], axis=1))
        width = 0.055 * unit * (0.6 + silhouette.tail_width / 0.3)
        order = sorted(range(7), key=lambda i: -abs(places[i]))
        for index in order:
            shade = mix(self._flight, self.upper, 0.10 + 0.06 * (index % 2))
            edge = mix(shade, _INK, 0.45)
            ink.polygon(feather(roots[index], tips[index], width), shade, edge, self._pixel)
            if mark.colour is not None:
                tip = feather(roots[index], tips[index], width * 0.98, start=0.76)
                ink.polygon(tip, self.individual.tint(rgb(mark.colour)))
        return np.concatenate([tips, roots + 0.45 * (tips - roots)])

    def wing(self, ink: Ink, mark: Mark) -> Points:
        tips = {name: self._row(ink, row, mark) for name, row in _rows(self.skeleton, mark).items()}
        panel = self.skeleton.body.place([(-0.34, 0.36), (-0.58, -0.02), (0.0, 0.45)])
        return np.concatenate([tips["greater coverts"], tips["median coverts"], panel])

    def _row(self, ink: Ink, row: _Row, mark: Mark) -> Points:
        """Overlapping feathers from the lower to the upper end of a row; returns their tips (N, 2) in pixels."""
        width = 0.20 * self.skeleton.silhouette.depth * self.skeleton.bird.unit
        starts = self.skeleton.body.place(np.linspace(*row.roots, row.count))
        ends = self.skeleton.body.place(np.linspace(*row.tips, row.count))
        own = self.individual.tint(rgb(mark.colour)) if mark.colour else self.upper
        base = own if row.marked == "whole" else mix(self._flight, self.upper, row.pale)
        for index in range(row.count):
            fill = mix(base, self.upper, 0.08 * (index % 2)) if base is not own else base
            outline = feather(starts[index], ends[index], width)
            ink.polygon(outline, fill, mix(fill, _INK, 0.45), self._pixel)
            fringe = outline[len(outline) // 2 : -1]
            ink.line(fringe, mix(fill, _PALE, 0.30), 0.9 * self._pixel)
            if row.marked == "tip":
                ink.polygon(feather(starts[index], ends[index], width, start=0.72), own, mix(own, _INK, 0.25))
        return ends

    def crest(self, ink: Ink, mark: Mark) -> Points:
        head, radius = self.skeleton.head, self.skeleton.silhouette.head * self.skeleton.bird.unit
        region = head.place([(0.75, -0.55), (0.35, -0.95), (-0.3, -0.98), (-0.85, -0.5), (0.0, -0.42)])
        if mark.form != "crest":
            return region
        tips = head.place([(-0.55, -1.62), (-0.95, -1.45), (-1.22, -1.18), (-1.35, -0.88)])
        roots = head.place([(0.45, -0.62), (0.2, -0.62), (0.0, -0.50), (-0.2, -0.35)])
        for root, tip in zip(roots[::-1], tips[::-1], strict=True):
            ink.polygon(feather(root, tip, 0.24 * radius), self.upper, mix(self.upper, _INK, 0.35), self._pixel)
        return np.concatenate([region, tips])

    def breast(self, ink: Ink, mark: Mark) -> Points:
        body, unit = self.skeleton.body, self.skeleton.bird.unit
        region = body.place([(0.98, 0.0), (0.70, -0.32), (0.18, 0.30), (0.22, 0.92), (0.85, 0.55)])
        if mark.form not in ("streaks", "spots") or mark.colour is None:
            return region
        rng = np.random.default_rng(self.individual.seed)
        colour = mix(self.individual.tint(rgb(mark.colour)), self.upper, 0.15)
        for u, v in _scatter(rng):
            start, end = body.place([(u, v), (u - 0.24, v + 0.10)])
            if mark.form == "spots":
                ink.disc((start + end) / 2, 0.019 * unit, colour)
            else:
                ink.polygon(feather(start, end, 0.011 * unit), colour)
        return region


def _scatter(rng: np.random.Generator) -> Points:
    """Places (N, 2) all over breast and belly, in body coordinates."""
    row, column = np.meshgrid(np.arange(8), np.arange(9), indexing="ij")
    u = 0.95 - 0.13 * row + 0.065 * (column % 2) + rng.uniform(-0.025, 0.025, row.shape)
    v = -0.22 + 0.135 * column + rng.uniform(-0.03, 0.03, row.shape)
    on_breast = (u**2 + (0.98 * v) ** 2 < 0.86) & (v + 0.5 * u > 0.16) & (u > 0.05)
    return np.stack([u[on_breast], v[on_breast]], axis=1)
