"""Pose of a bird, and how an individual differs from its species."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldmark_synth.palette import Colour

__all__ = ["Individual", "Pose"]


@dataclass(frozen=True, slots=True)
class Pose:
    """Posture and position in the picture; independent of the species.

    Attributes:
        tilt: Degrees added to the usual angle of the body.
        nod: Degrees by which the head looks up.
        turn: Foreshortening of the face; 1 is a full profile.
        stretch: Factor for legs and neck: below 1 the bird crouches, above 1 it stretches.
        tail_lift: Degrees added to the usual angle of the tail.
        fan: Factor for the width of the tail.
        stride: Half the distance between the feet, in body units.
        scale: Size of one body unit as a share of the picture's width.
        foot: Position of the feet, as shares of the picture's width and height.
        mirror: Whether the bird looks to the left.
    """

    tilt: float
    nod: float
    turn: float
    stretch: float
    tail_lift: float
    fan: float
    stride: float
    scale: float
    foot: tuple[float, float]
    mirror: bool

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Pose:
        mirror = bool(rng.random() < 0.5)
        # The tail needs more room than the head, so the feet are off-centre in the direction of view.
        forward = rng.uniform(-0.04, 0.14)
        return cls(
            tilt=float(rng.uniform(-13, 13)),
            nod=float(rng.uniform(-20, 20)),
            turn=float(rng.uniform(0.78, 1.0)),
            stretch=float(rng.uniform(0.85, 1.2)),
            tail_lift=float(rng.uniform(-11, 11)),
            fan=float(rng.uniform(0.9, 1.35)),
            stride=float(rng.uniform(0.05, 0.10)),
            scale=float(rng.uniform(0.32, 0.51)),
            foot=(float(0.5 - forward if mirror else 0.5 + forward), float(rng.uniform(0.70, 0.86))),
            mirror=mirror,
        )


@dataclass(frozen=True, slots=True)
class Individual:
    """Variation of one bird within its species.

    Attributes:
        gains: Factors for red, green and blue of the plumage.
        saturation: Factor for the saturation of the plumage.
        offset: Offset of this bird in the feather textures, in texture pixels.
        seed: Seed for the positions of its streaks and spots.
    """

    gains: Colour
    saturation: float
    offset: tuple[int, int]
    seed: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Individual:
        brightness = rng.uniform(0.84, 1.10)
        red, green, blue = (float(gain) for gain in brightness * rng.uniform(0.94, 1.06, 3))
        return cls(
            gains=(red, green, blue),
            saturation=float(rng.uniform(0.65, 1.15)),
            offset=(int(rng.integers(256)), int(rng.integers(256))),
            seed=int(rng.integers(2**31)),
        )

    def tint(self, colour: Colour) -> Colour:
        """Return a colour of the species, adjusted to this individual."""
        grey = 0.30 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]
        red, green, blue = (
            min(1.0, max(0.0, (grey + (channel - grey) * self.saturation) * gain))
            for channel, gain in zip(colour, self.gains, strict=True)
        )
        return (red, green, blue)
