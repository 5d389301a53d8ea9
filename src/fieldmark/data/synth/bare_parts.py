"""The parts without feathers: beak, eye, legs."""

from __future__ import annotations

from typing import Final

import numpy as np

from fieldmark.data.synth.curves import smooth_outline
from fieldmark.data.synth.frames import Points
from fieldmark.data.synth.ink import Ink
from fieldmark.data.synth.marks import Mark
from fieldmark.data.synth.palette import Colour, mix, rgb
from fieldmark.data.synth.pose import Individual
from fieldmark.data.synth.skeleton import Skeleton

__all__ = ["paint_beak", "paint_eye", "paint_legs"]

_DARK: Final = (0.05, 0.04, 0.04)
_LIGHT: Final = (1.0, 1.0, 1.0)

# Outlines in head radii, forward and down from the base of the gape: upper mandible, then lower mandible.
_UPPER: Final = {
    "conical": [(0.0, -0.36), (0.30, -0.28), (0.58, -0.08), (0.74, 0.12), (0.40, 0.08), (0.0, 0.06)],
    "slender": [(0.0, -0.14), (0.35, -0.12), (0.72, -0.02), (0.92, 0.05), (0.45, 0.04), (0.0, 0.04)],
    "hooked": [(0.0, -0.26), (0.40, -0.25), (0.74, -0.10), (0.84, 0.26), (0.68, 0.10), (0.0, 0.06)],
    "dagger": [(0.0, -0.22), (0.55, -0.14), (1.10, 0.0), (1.48, 0.09), (0.70, 0.06), (0.0, 0.05)],
    "curved": [(0.0, -0.17), (0.50, -0.14), (0.98, 0.08), (1.30, 0.48), (0.88, 0.18), (0.0, 0.05)],
}
_LOWER: Final = {
    "conical": [(0.0, 0.06), (0.40, 0.08), (0.68, 0.12), (0.40, 0.27), (0.0, 0.32)],
    "slender": [(0.0, 0.04), (0.45, 0.04), (0.88, 0.06), (0.40, 0.12), (0.0, 0.14)],
    "hooked": [(0.0, 0.06), (0.40, 0.08), (0.66, 0.12), (0.38, 0.22), (0.0, 0.24)],
    "dagger": [(0.0, 0.05), (0.70, 0.06), (1.42, 0.10), (0.62, 0.18), (0.0, 0.21)],
    "curved": [(0.0, 0.05), (0.88, 0.19), (1.22, 0.46), (0.72, 0.26), (0.0, 0.18)],
}


def paint_beak(ink: Ink, skeleton: Skeleton, mark: Mark, individual: Individual) -> Points:
    """Draw both mandibles; returns their corners (N, 2) in pixels."""
    colour = individual.tint(rgb(mark.colour or "black"))
    stretch = np.array([skeleton.silhouette.beak, 1.0])
    base = np.array([0.92, 0.04])
    upper = skeleton.head.place(np.array(_UPPER[mark.form]) * stretch + base)
    lower = skeleton.head.place(np.array(_LOWER[mark.form]) * stretch + base)
    line = skeleton.bird.unit / 150
    ink.polygon(smooth_outline(lower), mix(colour, _DARK, 0.28), mix(colour, _DARK, 0.5), line)
    ink.polygon(smooth_outline(upper), colour, mix(colour, _DARK, 0.5), line)
    ridge = skeleton.head.place((np.array(_UPPER[mark.form][:3]) * (0.85, 0.62)) * stretch + base)
    ink.line(ridge, mix(colour, _LIGHT, 0.35), 1.4 * line)
    return np.concatenate([upper, lower])


def paint_eye(ink: Ink, skeleton: Skeleton, mark: Mark, individual: Individual) -> Points:
    """Draw the eye and its ring; returns the ring's corners (N, 2) in pixels."""
    centre, gleam = skeleton.head.place([(0.36, -0.08), (0.41, -0.15)])
    radius = skeleton.silhouette.head * skeleton.bird.unit
    if mark.form == "ring" and mark.colour is not None:
        ink.disc(centre, 0.265 * radius, individual.tint(rgb(mark.colour)))
    ink.disc(centre, 0.170 * radius, _DARK)
    ink.disc(centre, 0.145 * radius, (0.17, 0.10, 0.07))
    ink.disc(centre, 0.10 * radius, _DARK)
    ink.disc(gleam, 0.05 * radius, _LIGHT)
    return centre + 0.265 * radius * np.array([(-1, 0), (1, 0), (0, -1), (0, 1)])


def paint_legs(ink: Ink, skeleton: Skeleton, mark: Mark, individual: Individual) -> Points:
    """Draw both tarsi and the toes; returns their joints (N, 2) in pixels."""
    colour = individual.tint(rgb(mark.colour or "black"))
    unit = skeleton.bird.unit
    far, near = mix(colour, _DARK, 0.30), colour
    for heel, foot, tone in zip(skeleton.heels, skeleton.feet, (far, near), strict=True):
        _leg(ink, skeleton, heel, foot, tone, 0.040 * unit)
    return np.concatenate([skeleton.heels, skeleton.feet])


def _leg(ink: Ink, skeleton: Skeleton, heel: Points, foot: Points, tone: Colour, width: float) -> None:
    toes = foot + (skeleton.bird.matrix @ np.array([(0.13, 0.02), (0.09, 0.055), (-0.09, 0.03)]).T).T
    hip = heel + (skeleton.bird.matrix @ np.array([0.09, -0.18]))
    for toe in toes:
        ink.line(np.stack([foot, (foot + toe) / 2 - (0, 0.3 * width), toe]), mix(tone, _DARK, 0.12), 0.75 * width)
    ink.line(np.stack([hip, heel, foot]), tone, width)
    lit = np.stack([heel, foot]) - (0.2 * width, 0)
    ink.line(lit, mix(tone, _LIGHT, 0.28), 0.3 * width)
