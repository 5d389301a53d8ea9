"""The bird in front of the painters: its species, what is special about it, and how it sits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fieldmark_synth.palette import Colour, mix, rgb
from fieldmark_synth.pose import Individual
from fieldmark_synth.skeleton import Skeleton
from fieldmark_synth.species import Species

__all__ = ["INK", "Subject"]

INK: Final[Colour] = (0.09, 0.08, 0.08)
"""The dark of outlines and shadows."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One bird to be painted."""

    species: Species
    individual: Individual
    skeleton: Skeleton

    def worn(self, name: str) -> Colour:
        """A colour of the palette as this individual wears it."""
        return self.individual.tint(rgb(name))

    @property
    def upper(self) -> Colour:
        """The colour of the back."""
        return self.worn(self.species.plumage.upper)

    @property
    def flight(self) -> Colour:
        """The colour of wing and tail: darker than the back."""
        return mix(self.upper, (0.13, 0.12, 0.12), 0.62)

    @property
    def unit(self) -> float:
        """Pixels of one body unit."""
        return self.skeleton.bird.unit

    @property
    def head_radius(self) -> float:
        """Pixels."""
        return self.skeleton.silhouette.head * self.unit

    @property
    def hairline(self) -> float:
        """Width in pixels of a thin line: grows with the bird."""
        return self.unit / 200
