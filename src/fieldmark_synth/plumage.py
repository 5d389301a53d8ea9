"""Colours of the body with soft borders: back, belly, face, cap and breast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldmark_synth.palette import mix
from fieldmark_synth.pixels import Canvas, Field, Window, one_colour, pixel_centres
from fieldmark_synth.subject import Subject
from fieldmark_synth.texture import TILE, barbs, ramp, sample, scallops

__all__ = ["paint_plumage"]


@dataclass(frozen=True, slots=True)
class _Grid:
    """Local coordinates of every pixel, each (H, W).

    Attributes:
        u: Along the body, -1 at the rump to 1 at the breast.
        v: Across the body, -1 at the back to 1 at the belly.
        p: Forward from the centre of the head, in head radii.
        q: Down from the centre of the head, in head radii.
        head: Weight of the head, 0 to 1.
        under: Weight of the underparts, 0 to 1.
        barbs: Fine feather texture, mean 0.
        scallops: Rows of feather edges, -1 to 0.
    """

    u: Field
    v: Field
    p: Field
    q: Field
    head: Field
    under: Field
    barbs: Field
    scallops: Field


def paint_plumage(subject: Subject, window: Window) -> Canvas:
    """Return unshaded colours (3, h, w) of the body for all pixels of a window, also outside the silhouette."""
    grid, plumage = _grid(subject, window), subject.species.plumage
    under = subject.worn(plumage.under)
    back = 1 + np.float32(0.05) * grid.barbs + np.float32(0.22 * plumage.pattern) * grid.scallops
    canvas: Canvas = back * one_colour(subject.upper)
    _lay(canvas, one_colour(under) * (1 + np.float32(0.02) * grid.barbs), grid.under)
    _lay(canvas, one_colour(mix(under, (1.0, 1.0, 1.0), 0.30)), 0.6 * ramp(grid.v - 0.5 * grid.u, 0.55, 1.1))
    if plumage.face != "plain":
        _lay(canvas, one_colour(subject.worn(plumage.face_colour)), _face(plumage.face, grid))
    crown, breast = subject.species.mark("crown"), subject.species.mark("breast")
    if crown.form == "cap" and crown.colour is not None:
        _lay(canvas, one_colour(subject.worn(crown.colour)), _cap(grid))
    if breast.form in ("band", "patch") and breast.colour is not None:
        _lay(canvas, one_colour(subject.worn(breast.colour)), _breast(breast.form, grid))
    return canvas


def _lay(canvas: Canvas, colour: Canvas, weight: Field) -> None:
    """Blend a colour into the canvas in place, with weights (H, W)."""
    canvas += (colour - canvas) * weight


def _grid(subject: Subject, window: Window) -> _Grid:
    x, y = pixel_centres(window)
    u, v = subject.skeleton.body.locate(x, y)
    p, q = subject.skeleton.head.locate(x, y)
    across, down = subject.individual.offset
    rows = v * np.float32(70) + np.float32(down)
    fine = sample(barbs(), u * np.float32(90) + np.float32(across), rows)
    edges = sample(scallops(), TILE - u * np.float32(150) + np.float32(across), v * np.float32(110))
    head = 1 - ramp(np.sqrt(p * p + q * q), 0.95, 1.45)
    border = np.float32(0.05) * fine
    body_under = ramp(v + 0.5 * np.maximum(u, 0) + border, 0.02, 0.34)
    head_under = ramp(q + np.float32(0.30) * p + border, 0.34, 0.52)
    under = body_under + (head_under - body_under) * head
    return _Grid(u, v, p, q, head, under, fine, edges)


def _cap(grid: _Grid) -> Field:
    """Return the weight of the crown, from the forehead to the nape."""
    lower = grid.q - np.float32(0.10) * grid.p + np.float32(0.03) * grid.barbs
    return (1 - ramp(lower, -0.40, -0.30)) * ramp(grid.p, -1.05, -0.85) * ramp(grid.head, 0.3, 0.6)


def _face(face: str, grid: _Grid) -> Field:
    p, q, soft = grid.p, grid.q, np.float32(0.03) * grid.barbs
    if face == "masked":
        height = np.abs(q + 0.02 + 0.05 * p) + soft
        return (1 - ramp(height, 0.16, 0.24)) * ramp(p, -0.75, -0.55) * ramp(grid.head, 0.3, 0.5)
    if face == "browed":
        height = np.abs(q + 0.34 - 0.10 * p * p) + soft
        return (1 - ramp(height, 0.05, 0.11)) * ramp(p, -0.75, -0.45) * (1 - ramp(p, 0.75, 0.9))
    if face == "cheeked":
        return 1 - ramp(np.hypot((p + 0.18) / 0.52, (q - 0.30) / 0.34) + soft, 0.80, 1.05)
    if face == "bibbed":
        chin = ramp(q - 0.1 * p + soft, 0.40, 0.50) * ramp(p + 0.4 * q, 0.10, 0.25)
        return chin * (1 - ramp(np.hypot(p - 0.35, q - 0.6), 0.75, 0.95))
    if face == "hooded":
        return 1 - ramp(np.hypot(p - 0.1, q) + soft, 1.10, 1.28)
    raise ValueError(f"no such face: {face}")


def _breast(form: str, grid: _Grid) -> Field:
    u, v, soft = grid.u, grid.v, np.float32(0.06) * grid.barbs
    if form == "patch":
        return 1 - ramp(np.hypot((u - 0.78) / 0.42, (v - 0.10) / 0.62) + soft, 0.72, 1.0)
    bend = np.abs(u - 0.72 + 0.35 * (v - 0.1) ** 2 + soft * 0.5)
    return (1 - ramp(bend, 0.09, 0.15)) * ramp(v, -0.45, -0.25) * (1 - ramp(v, 0.80, 0.95))
