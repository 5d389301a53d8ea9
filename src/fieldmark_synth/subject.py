"""The bird to draw: its species, individual variation and pose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fieldmark_synth.palette import Colour, mix, rgb
from fieldmark_synth.pose import Individual
from fieldmark_synth.skeleton import Skeleton
from fieldmark_synth.species import Species

__all__ = ["INK", "Subject"]

INK: Final[Colour] = (0.09, 0.08, 0.08)
"""Colour of outlines and shadows."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One bird to draw."""

    species: Species
    individual: Individual
    skeleton: Skeleton

    def worn(self, name: str) -> Colour:
        """Return a colour of the palette, adjusted to this individual."""
        return self.individual.tint(rgb(name))

    @property
    def upper(self) -> Colour:
        """Colour of the back."""
        return self.worn(self.species.plumage.upper)

    @property
    def flight(self) -> Colour:
        """Colour of wing and tail, darker than the back."""
        return mix(self.upper, (0.13, 0.12, 0.12), 0.62)

    @property
    def unit(self) -> float:
        """Size of one body unit in pixels."""
        return self.skeleton.bird.unit

    @property
    def head_radius(self) -> float:
        """Radius of the head in pixels."""
        return self.skeleton.silhouette.head * self.unit

    @property
    def hairline(self) -> float:
        """Width of a thin line in pixels; it grows with the bird."""
        return self.unit / 200
