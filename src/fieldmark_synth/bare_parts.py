"""Draw the parts without feathers: beak, eye, legs."""

from __future__ import annotations

from typing import Final

import numpy as np

from fieldmark_synth.curves import smooth_outline
from fieldmark_synth.frames import Points
from fieldmark_synth.ink import Ink
from fieldmark_synth.palette import Colour, mix
from fieldmark_synth.subject import INK, Subject

__all__ = ["paint_beak", "paint_eye", "paint_legs"]

_LIGHT: Final[Colour] = (1.0, 1.0, 1.0)

# Outlines of the upper and the lower mandible, in head radii forward and down from the corner of the beak.
_UPPER: Final = {
    "conical": [(0.0, -0.36), (0.30, -0.28), (0.64, -0.08), (0.84, 0.14), (0.44, 0.08), (0.0, 0.06)],
    "slender": [(0.0, -0.14), (0.35, -0.12), (0.72, -0.02), (0.92, 0.05), (0.45, 0.04), (0.0, 0.04)],
    "hooked": [(0.0, -0.26), (0.40, -0.25), (0.74, -0.10), (0.84, 0.26), (0.68, 0.10), (0.0, 0.06)],
    "dagger": [(0.0, -0.22), (0.55, -0.14), (1.10, 0.0), (1.48, 0.09), (0.70, 0.06), (0.0, 0.05)],
    "curved": [(0.0, -0.17), (0.50, -0.14), (0.98, 0.08), (1.30, 0.48), (0.88, 0.18), (0.0, 0.05)],
}
_LOWER: Final = {
    "conical": [(0.0, 0.06), (0.40, 0.08), (0.78, 0.14), (0.44, 0.27), (0.0, 0.32)],
    "slender": [(0.0, 0.04), (0.45, 0.04), (0.88, 0.06), (0.40, 0.12), (0.0, 0.14)],
    "hooked": [(0.0, 0.06), (0.40, 0.08), (0.66, 0.12), (0.38, 0.22), (0.0, 0.24)],
    "dagger": [(0.0, 0.05), (0.70, 0.06), (1.42, 0.10), (0.62, 0.18), (0.0, 0.21)],
    "curved": [(0.0, 0.05), (0.88, 0.19), (1.22, 0.46), (0.72, 0.26), (0.0, 0.18)],
}


_BEAK_BASE: Final = np.array([0.93, 0.06])
_EYE: Final = [(0.36, -0.08), (0.41, -0.15)]
"""Centres of the eye and of its highlight, in head coordinates."""

_TOES: Final = np.array([(0.13, 0.02), (0.09, 0.055), (-0.09, 0.03)])


def paint_beak(ink: Ink, subject: Subject) -> Points:
    """Draw both mandibles, and return their outlines (N, 2) in pixels."""
    mark, head = subject.species.mark("beak"), subject.skeleton.head
    colour = subject.worn(mark.colour or "black")
    stretch = np.array([subject.skeleton.silhouette.beak, 1.0])
    upper, lower, ridge = (
        head.place(np.array(corners) * stretch + _BEAK_BASE)
        for corners in (_UPPER[mark.form], _LOWER[mark.form], np.array(_UPPER[mark.form][:3]) * (0.85, 0.62))
    )
    outlines = [smooth_outline(upper), smooth_outline(lower)]
    line = subject.unit / 150
    ink.polygon(outlines[1], mix(colour, INK, 0.28), mix(colour, INK, 0.5), line)
    ink.polygon(outlines[0], colour, mix(colour, INK, 0.5), line)
    ink.line(ridge, mix(colour, _LIGHT, 0.35), 1.4 * line)
    return np.concatenate(outlines)


def paint_eye(ink: Ink, subject: Subject) -> Points:
    """Draw the eye and its ring, and return the rim of the ring (N, 2) in pixels."""
    mark, radius = subject.species.mark("eye"), subject.head_radius
    centre, gleam = subject.skeleton.head.place(_EYE)
    if mark.form == "ring" and mark.colour is not None:
        ink.disc(centre, 0.265 * radius, subject.worn(mark.colour))
    ink.disc(centre, 0.170 * radius, INK)
    ink.disc(centre, 0.145 * radius, (0.17, 0.10, 0.07))
    ink.disc(centre, 0.100 * radius, INK)
    ink.disc(gleam, 0.050 * radius, _LIGHT)
    rim: Points = centre + 0.265 * radius * np.array([(-1, 0), (1, 0), (0, -1), (0, 1)])
    return rim


def paint_legs(ink: Ink, subject: Subject) -> Points:
    """Draw both legs with their toes, and return the joints (N, 2) in pixels."""
    near = subject.worn(subject.species.mark("legs").colour or "black")
    tones = (mix(near, INK, 0.30), near)
    skeleton = subject.skeleton
    return np.concatenate(
        [
            _leg(ink, subject, heel, foot, tone)
            for heel, foot, tone in zip(skeleton.heels, skeleton.feet, tones, strict=True)
        ]
    )


def _leg(ink: Ink, subject: Subject, heel: Points, foot: Points, tone: Colour) -> Points:
    axes, width = subject.skeleton.bird.matrix, 0.040 * subject.unit
    hip, toes = heel + axes @ (0.09, -0.18), foot + _TOES @ axes.T
    for toe in toes:
        knuckle = (foot + toe) / 2 - (0, 0.3 * width)
        ink.line(np.stack([foot, knuckle, toe]), mix(tone, INK, 0.12), 0.75 * width)
    ink.line(np.stack([hip, heel, foot]), tone, width)
    ink.line(np.stack([heel, foot]) - (0.2 * width, 0), mix(tone, _LIGHT, 0.28), 0.3 * width)
    joints = np.concatenate([[heel, foot], toes])
    return np.concatenate([joints - width, joints + width])
