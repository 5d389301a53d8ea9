"""How a bird sits before the camera, and how one individual differs from its species' average."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldmark_synth.palette import Colour

__all__ = ["Individual", "Pose"]


@dataclass(frozen=True, slots=True)
class Pose:
    """Posture and place on the picture; drawn without a look at the species.

    Attributes:
        tilt: Degrees added to the body's usual angle.
        nod: Degrees by which the head looks up.
        turn: Foreshortening of the face; 1 is a full profile.
        stretch: Factor on legs and neck: below 1 crouches, above 1 stretches.
        tail_lift: Degrees added to the tail's usual angle.
        fan: Factor on the tail's width.
        stride: Half the distance between the feet, in body units.
        scale: Pixels of one body unit as a share of the picture's width.
        foot: Where the feet stand, as shares of the picture's width and height.
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
        # The tail needs more room than the head: the feet stand off the middle, towards where the bird looks.
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
    """What sets one bird apart from the others of its species.

    Attributes:
        gains: Factors on red, green and blue of the plumage.
        saturation: Factor on the plumage's saturation.
        offset: Where on the feather textures this bird begins, in texture pixels.
        seed: For the places of its streaks and spots.
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
        """A species' colour as this individual wears it."""
        grey = 0.30 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]
        red, green, blue = (
            min(1.0, max(0.0, (grey + (channel - grey) * self.saturation) * gain))
            for channel, gain in zip(colour, self.gains, strict=True)
        )
        return (red, green, blue)
