"""Genera: the plumage and the typical field marks that the species of a genus share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fieldmark_synth.families import Family
from fieldmark_synth.marks import CATALOGUE, PARTS, Mark
from fieldmark_synth.palette import contrast, rgb

__all__ = ["FACES", "Genus", "Plumage", "draw_genera", "legible"]

FACES: Final[dict[str, tuple[str, ...]]] = {
    "plain": ("white",),
    "masked": ("black", "charcoal"),
    "browed": ("white", "cream"),
    "cheeked": ("white", "russet", "charcoal"),
    "bibbed": ("black", "russet", "lemon"),
    "hooded": ("charcoal", "ash", "russet"),
}
"""Face pattern -> its possible colours."""

_LEAST_CONTRAST: Final = 0.22
_LEAST_FACE_CONTRAST: Final = 0.15
_LEAST_DIFFERENCE: Final = 4
"""Minimum number of parts that differ between two genera, more than between species of one genus."""


@dataclass(frozen=True, slots=True)
class Plumage:
    """Colours of a genus, by their names in the palette.

    Attributes:
        upper: Back, wings and tail.
        under: Belly and breast.
        face: Face pattern, one of `FACES`.
        face_colour: Colour of the face pattern.
        pattern: Strength of the scalloped feather edges on the back, 0 to 1.
    """

    upper: str
    under: str
    face: str
    face_colour: str
    pattern: float

    @property
    def crown(self) -> str:
        """Colour of the crown without a cap."""
        return self.face_colour if self.face == "hooded" else self.upper

    @property
    def cheek(self) -> str:
        """Colour around the eye."""
        return self.face_colour if self.face in ("hooded", "masked") else self.upper


@dataclass(frozen=True, slots=True)
class Genus:
    """A genus: name, family, plumage and typical marks (part -> mark)."""

    name: str
    family: Family
    plumage: Plumage
    typical: dict[str, Mark]

    def candidates(self, part: str) -> list[Mark]:
        """Return the marks of a part that suit the family and are visible on this plumage."""
        marks = [m for m in CATALOGUE[part].values() if legible(m, self.plumage)]
        return [m for m in marks if part != "beak" or m.form in self.family.beaks]


def legible(mark: Mark, plumage: Plumage) -> bool:
    """Return whether the mark is visible on the plumage around it."""
    if mark.colour is None:
        return True
    ground = {"crown": plumage.crown, "eye": plumage.cheek, "breast": plumage.under}.get(mark.part)
    return ground is None or contrast(rgb(mark.colour), rgb(ground)) >= _LEAST_CONTRAST


def draw_genera(family: Family, names: Sequence[str], others: Sequence[Genus], rng: np.random.Generator) -> list[Genus]:
    """Return genera of one family; no two have the same back, belly and face.

    Args:
        family: The family.
        names: Names of the genera.
        others: Genera of other families. Their back colours are used last, and the typical marks of any two genera
            differ in at least four parts.
        rng: Random numbers for all other choices.
    """
    looks = [(upper, under, face) for upper in family.uppers for under in family.unders for face in FACES]
    looks = [looks[index] for index in rng.permutation(len(looks))]
    genera = list(others)
    for name in names:
        worn = Counter(genus.plumage.upper for genus in genera)
        upper, under, face = min(looks, key=lambda look: worn[look[0]])
        looks.remove((upper, under, face))
        genera.append(_with_marks(Genus(name, family, _plumage(upper, under, face, rng), {}), genera, rng))
    return genera[len(others) :]


def _plumage(upper: str, under: str, face: str, rng: np.random.Generator) -> Plumage:
    colours = [colour for colour in FACES[face] if contrast(rgb(colour), rgb(upper)) > _LEAST_FACE_CONTRAST]
    colour = str(rng.choice(colours or FACES[face]))
    return Plumage(upper, under, face, colour, float(rng.choice([0.0, 0.5, 1.0])))


def _with_marks(genus: Genus, others: Sequence[Genus], rng: np.random.Generator) -> Genus:
    while True:
        typical = {part: _typical(genus, part, rng) for part in PARTS}
        if all(sum(typical[p] != other.typical[p] for p in PARTS) >= _LEAST_DIFFERENCE for other in others):
            return replace(genus, typical=typical)


def _typical(genus: Genus, part: str, rng: np.random.Generator) -> Mark:
    marks = genus.candidates(part)
    return marks[int(rng.integers(len(marks)))]
