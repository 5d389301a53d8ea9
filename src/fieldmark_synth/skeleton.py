"""Convert proportions and a pose to positions in the picture: frames of body, head and tail, and the solid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldmark_synth.families import Silhouette
from fieldmark_synth.frames import Frame, Points
from fieldmark_synth.pose import Pose

__all__ = ["Cone", "Skeleton"]


@dataclass(frozen=True, slots=True)
class Cone:
    """A round cone in pixels: two discs and the area between them."""

    start: Points
    end: Points
    start_radius: float
    end_radius: float


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Positions of the parts of one bird in the picture.

    Attributes:
        bird: Origin between the feet; the unit is one body unit.
        body: Origin at the centre of the body; the units are its half-length and half-depth.
        head: Origin at the centre of the head; the unit is its radius. The turn of the head shortens x.
        tail: Origin at the base of the tail, which points to -x; the unit is one body unit.
        cones: The solid of body, neck, head and thighs.
        heels: The two ankle joints in pixels, far leg first.
        feet: The two feet in pixels, far leg first.
        silhouette: Proportions of the family.
        pose: Posture and position.
    """

    bird: Frame
    body: Frame
    head: Frame
    tail: Frame
    cones: tuple[Cone, ...]
    heels: Points
    feet: Points
    silhouette: Silhouette
    pose: Pose

    @classmethod
    def build(cls, silhouette: Silhouette, pose: Pose, size: int) -> Skeleton:
        scale = pose.scale * size
        across = -scale if pose.mirror else scale
        foot = np.array([pose.foot[0] * size, pose.foot[1] * size])
        bird = Frame(np.diag([across, scale]), foot)
        angle = silhouette.upright + pose.tilt
        height = silhouette.legs * pose.stretch + 0.92 * silhouette.depth
        body = bird.child((0.02, -height), angle, (silhouette.length, silhouette.depth))
        head = _head(bird, body, silhouette, pose)
        tail_base = _inside(bird, body.place([(-0.92, -0.30)]))
        tail = bird.child(tail_base[0], angle - silhouette.cock - pose.tail_lift)
        feet = np.array([(pose.stride * 0.9, 0.0), (-pose.stride * 0.7, 0.0)])
        heels = feet + np.array([(-0.10, -0.52 * silhouette.legs * pose.stretch)])
        cones = _solid(body, head, silhouette, scale, bird.place(heels))
        return cls(bird, body, head, tail, cones, bird.place(heels), bird.place(feet), silhouette, pose)


def _inside(frame: Frame, pixels: Points) -> Points:
    """Convert pixels (N, 2) to the coordinates of a frame."""
    inside: Points = (pixels - frame.origin) @ np.linalg.inv(frame.matrix).T
    return inside


def _head(bird: Frame, body: Frame, silhouette: Silhouette, pose: Pose) -> Frame:
    shoulder = _inside(bird, body.place([(0.52, -0.42)]))[0]
    steep = np.deg2rad(56.0 + 0.4 * pose.tilt - 0.25 * silhouette.upright)
    reach = silhouette.neck * pose.stretch
    centre = shoulder + reach * np.array([np.cos(steep), -np.sin(steep)])
    return bird.child(centre, pose.nod + 0.2 * pose.tilt, (silhouette.head * pose.turn, silhouette.head))


def _solid(body: Frame, head: Frame, silhouette: Silhouette, scale: float, heels: Points) -> tuple[Cone, ...]:
    depth, radius = silhouette.depth * scale, silhouette.head * scale
    breast, rump, vent, shoulder, far_hip, near_hip = body.place(
        [(0.33, 0.04), (-0.42, -0.08), (-1.0, -0.30), (0.50, -0.18), (0.02, 0.50), (-0.16, 0.50)]
    )
    skull, face, nape = head.place([(-0.02, 0.0), (0.24, 0.13), (-0.10, 0.12)])
    return (
        Cone(breast, rump, 0.95 * depth, 0.74 * depth),
        Cone(rump, vent, 0.74 * depth, 0.24 * depth),
        Cone(shoulder, nape, 0.76 * depth, 0.86 * radius),
        Cone(skull, skull, radius, radius),
        Cone(face, face, 0.80 * radius, 0.80 * radius),
        Cone(far_hip, 0.35 * far_hip + 0.65 * heels[0], 0.36 * depth, 0.10 * depth),
        Cone(near_hip, 0.35 * near_hip + 0.65 * heels[1], 0.38 * depth, 0.11 * depth),
    )
