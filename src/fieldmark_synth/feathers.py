"""Draw feathers with hard edges: tail, crest, and the streaks and spots of the breast."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fieldmark_synth.curves import feather
from fieldmark_synth.frames import Points
from fieldmark_synth.ink import Ink
from fieldmark_synth.palette import mix
from fieldmark_synth.subject import INK, Subject

__all__ = ["paint_breast", "paint_crest", "paint_tail"]

# Length of a tail feather as a share of the tail, by its position from -1 (lower edge) to 1 (upper edge).
_TAIL_LENGTHS: Final[dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]]] = {
    "square": lambda place: 1.0 - 0.02 * place**2,
    "forked": lambda place: 0.66 + 0.46 * np.abs(place) ** 1.3,
    "rounded": lambda place: 1.02 - 0.30 * place**2,
    "pointed": lambda place: 1.18 - 0.62 * np.abs(place),
}
_TAIL_FEATHERS: Final = 7
_TAIL_TIP: Final = 0.76

# The crown in head coordinates: the area of a cap, and the feathers of a crest from root to tip.
_CROWN: Final = [(0.95, -0.32), (0.75, -0.72), (0.0, -1.0), (-0.75, -0.72), (-1.0, -0.40), (0.0, -0.30)]
_CREST: Final = [
    ((-0.20, -0.35), (-1.35, -0.88)),
    ((0.00, -0.50), (-1.22, -1.18)),
    ((0.20, -0.62), (-0.95, -1.45)),
    ((0.45, -0.62), (-0.55, -1.62)),
]

# Outline of the area for breast marks, in body coordinates.
_BREAST: Final = [(1.05, 0.0), (0.78, -0.55), (0.34, 0.2), (0.40, 0.95), (0.90, 0.60)]


def paint_tail(ink: Ink, subject: Subject) -> Points:
    """Draw the tail, and return the outlines (N, 2) of its feathers beyond the wing, in pixels."""
    mark = subject.species.mark("tail")
    silhouette = subject.skeleton.silhouette
    places = np.linspace(-1, 1, _TAIL_FEATHERS)
    lengths = silhouette.tail * _TAIL_LENGTHS[mark.form](places) + 0.08
    spread = silhouette.tail_width * subject.skeleton.pose.fan * (1.5 if mark.form == "rounded" else 1.15)
    frame = subject.skeleton.tail
    tips = frame.place(np.stack([-lengths, -places * spread], axis=1))
    roots = frame.place(np.stack([0.08 + 0 * places, -places * 0.25 * silhouette.tail_width], axis=1))
    width = (0.033 + 0.18 * silhouette.tail_width) * subject.unit
    for index in sorted(range(_TAIL_FEATHERS), key=lambda i: -abs(places[i])):
        fill = mix(subject.flight, subject.upper, 0.10 + 0.06 * (index % 2))
        ink.polygon(feather(roots[index], tips[index], width), fill, mix(fill, INK, 0.45), subject.hairline)
        if mark.colour is not None:
            ink.polygon(feather(roots[index], tips[index], width, start=_TAIL_TIP), subject.worn(mark.colour))
    ends = zip(roots, tips, strict=True)
    return np.concatenate([feather(root, tip, width, start=0.25) for root, tip in ends])


def paint_crest(ink: Ink, subject: Subject) -> Points:
    """Draw the crest if the species has one, and return points (N, 2) around crown and crest, in pixels."""
    head = subject.skeleton.head
    crown = head.place(_CROWN)
    if subject.species.mark("crown").form != "crest":
        return crown
    colour = subject.worn(subject.species.plumage.crown)
    outlines = []
    for root, tip in map(head.place, _CREST):
        outline = feather(root, tip, 0.24 * subject.head_radius)
        outlines.append(outline)
        ink.polygon(outline, colour, mix(colour, INK, 0.35), subject.hairline)
    return np.concatenate([crown, *outlines])


def paint_breast(ink: Ink, subject: Subject) -> Points:
    """Draw streaks or spots if the species has them, and return points (N, 2) around the marked area, in pixels."""
    body, mark = subject.skeleton.body, subject.species.mark("breast")
    region = body.place(_BREAST)
    if mark.form not in ("streaks", "spots") or mark.colour is None:
        return region
    colour = mix(subject.worn(mark.colour), subject.upper, 0.15)
    starts = _scatter(np.random.default_rng(subject.individual.seed))
    ends = body.place(starts + np.array([-0.24, 0.10]))
    starts = body.place(starts)
    for start, end in zip(starts, ends, strict=True):
        if mark.form == "spots":
            ink.disc((start + end) / 2, 0.019 * subject.unit, colour)
        else:
            ink.polygon(feather(start, end, 0.011 * subject.unit), colour)
    return np.concatenate([region, starts, ends])


def _scatter(rng: np.random.Generator) -> Points:
    """Return points (N, 2) spread over breast and belly, in body coordinates."""
    row, column = np.meshgrid(np.arange(8), np.arange(9), indexing="ij")
    u = 0.95 - 0.13 * row + 0.065 * (column % 2) + rng.uniform(-0.025, 0.025, row.shape)
    v = -0.22 + 0.135 * column + rng.uniform(-0.03, 0.03, row.shape)
    on_breast = (u**2 + (0.98 * v) ** 2 < 0.86) & (v + 0.5 * u > 0.16) & (u > 0.05)
    return np.stack([u[on_breast], v[on_breast]], axis=1)
