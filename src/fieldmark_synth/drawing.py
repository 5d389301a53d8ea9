"""Draw a picture of a species with ground truth: position and visibility of every field mark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from fieldmark.structures import Box, Part
from fieldmark_synth.backdrop import paint_backdrop
from fieldmark_synth.bare_parts import paint_beak, paint_eye, paint_legs
from fieldmark_synth.feathers import paint_breast, paint_crest, paint_tail
from fieldmark_synth.foreground import paint_foreground
from fieldmark_synth.frames import Points
from fieldmark_synth.ink import Ink, Layer
from fieldmark_synth.light import Exposure
from fieldmark_synth.marks import PARTS
from fieldmark_synth.perch import paint_perch
from fieldmark_synth.pixels import Canvas, Field
from fieldmark_synth.plumage import paint_plumage
from fieldmark_synth.pose import Individual, Pose
from fieldmark_synth.skeleton import Skeleton
from fieldmark_synth.species import Species
from fieldmark_synth.subject import Subject
from fieldmark_synth.volume import Volume, solidify
from fieldmark_synth.wing import paint_wing

__all__ = ["Drawing", "draw_bird"]


@dataclass(frozen=True, slots=True)
class Drawing:
    """One picture with its ground truth.

    Attributes:
        image: The picture, RGB.
        box: Bounding box of the bird, xyxy pixels.
        parts: One point for every entry of `PARTS`; invisible if hidden or outside the picture.
        part_boxes: Bounding box of every visible field mark, xyxy pixels.
    """

    image: Image.Image
    box: Box
    parts: tuple[Part, ...]
    part_boxes: dict[str, Box]


def draw_bird(species: Species, rng: np.random.Generator, size: int = 256) -> Drawing:
    """Draw one photo-like picture of a bird.

    Everything but the species' own marks and plumage (pose, place, light, background, what is in the way) is drawn
    only from `rng`: two species with generators in the same state stand in the same scene.

    Args:
        species: Species of the bird.
        rng: Random numbers for the scene and the individual.
        size: Width and height in pixels.
    """
    seed = int(rng.integers(2**63))
    pose, individual, backdrop, perch, front, light = (np.random.default_rng([seed, i]) for i in range(6))
    skeleton = Skeleton.build(species.silhouette, Pose.draw(pose), size)
    exposure = Exposure.draw(light)
    canvas = paint_backdrop(backdrop, size)
    paint_perch(canvas, skeleton.bird.origin, perch)
    bird = _Bird.paint(Subject(species, Individual.draw(individual), skeleton), size)
    bird.cover(canvas, exposure)
    hidden = np.zeros((size, size), dtype=np.float32)
    for layer in paint_foreground(front, size):
        layer.cover(canvas)
        hidden[layer.window] = layer.alpha
    parts, boxes = _annotate(bird.regions, hidden)
    return Drawing(exposure.develop(canvas), bird.box(size), parts, boxes)


@dataclass(frozen=True, slots=True)
class _Bird:
    """A painted bird before shading.

    Attributes:
        behind: Tail, legs, crest and beak.
        plumage: Colours of the body, in the volume's window (3, h, w).
        volume: Solid of the body.
        front: Wing, breast marks and eye.
        regions: Part -> points (N, 2) of its mark, in pixels.
    """

    behind: Layer
    plumage: Canvas
    volume: Volume
    front: Layer
    regions: dict[str, Points]

    @classmethod
    def paint(cls, subject: Subject, size: int) -> _Bird:
        behind, front = Ink(size), Ink(size)
        regions = {
            "tail": paint_tail(behind, subject),
            "legs": paint_legs(behind, subject),
            "crown": paint_crest(behind, subject),
            "beak": paint_beak(behind, subject),
            "breast": paint_breast(front, subject),
            "wing": paint_wing(front, subject),
            "eye": paint_eye(front, subject),
        }
        volume = solidify(subject.skeleton.cones, size, 0.10 * subject.unit)
        return cls(behind.layer(), paint_plumage(subject, volume.window), volume, front.layer(), regions)

    def cover(self, canvas: Canvas, exposure: Exposure) -> None:
        """Draw the bird over the canvas (3, H, W), in place."""
        self.behind.cover(canvas)
        shade = self.volume.shade(exposure.direction)
        ground = canvas[:, *self.volume.window]
        ground += (self.plumage * shade - ground) * self.volume.alpha
        around = np.full(canvas.shape[1:], 0.85, dtype=np.float32)
        around[self.volume.window] = 0.30 + 0.70 * shade
        self.front.lit(around[self.front.window]).cover(canvas)

    def box(self, size: int) -> Box:
        """Return the bounding box of the whole bird, xyxy pixels."""
        alpha = np.zeros((size, size), dtype=np.float32)
        for item in (self.behind, self.volume, self.front):
            alpha[item.window] = np.maximum(alpha[item.window], item.alpha)
        rows, columns = np.flatnonzero((alpha > 0.5).any(axis=1)), np.flatnonzero((alpha > 0.5).any(axis=0))
        return (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def _annotate(regions: dict[str, Points], hidden: Field) -> tuple[tuple[Part, ...], dict[str, Box]]:
    """Return point and box of each part, clipped to the picture, in pixels rounded to 0.1."""
    size = hidden.shape[0]
    parts: list[Part] = []
    boxes: dict[str, Box] = {}
    for name in PARTS:
        points = regions[name]
        if _seen(points, hidden) < 0.5:
            parts.append(Part(name, 0.0, 0.0, False))
            continue
        low, high = np.clip(points.min(axis=0) - 1, 0, size), np.clip(points.max(axis=0) + 1, 0, size)
        x, y = np.clip(points.mean(axis=0), low, high).round(1).tolist()
        (x1, y1), (x2, y2) = low.round(1).tolist(), high.round(1).tolist()
        parts.append(Part(name, x, y, True))
        boxes[name] = (x1, y1, x2, y2)
    return tuple(parts), boxes


def _seen(points: Points, hidden: Field) -> float:
    """Return the share of points (N, 2) inside the picture and not hidden by the mask (H, W)."""
    size = hidden.shape[0]
    inside = ((points >= 0) & (points < size)).all(axis=1)
    x, y = np.clip(points, 0, size - 1).astype(int).T
    return float((inside & (hidden[y, x] < 0.5)).mean())
