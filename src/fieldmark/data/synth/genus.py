"""What the species of one genus share: plumage, and the typical mark of every part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fieldmark.data.synth.families import Family
from fieldmark.data.synth.marks import CATALOGUE, PARTS, Mark
from fieldmark.data.synth.palette import contrast, rgb

__all__ = ["FACES", "Genus", "Plumage", "draw_genera", "legible"]

FACES: Final[dict[str, tuple[str, ...]]] = {
    "plain": ("white",),
    "masked": ("black", "charcoal"),
    "browed": ("white", "cream"),
    "cheeked": ("white", "russet", "charcoal"),
    "bibbed": ("black", "russet", "lemon"),
    "hooded": ("charcoal", "ash", "russet"),
}
"""Patterns of the face and the colours that they come in."""

_LEAST_CONTRAST = 0.22


@dataclass(frozen=True, slots=True)
class Plumage:
    """The colours of a genus, by their names in the palette.

    Attributes:
        upper: Back, wings and tail.
        under: Belly and breast.
        face: One of `FACES`.
        face_colour: Its colour.
        pattern: Strength of the scalloped feather edges on the back, 0 to 1.
    """

    upper: str
    under: str
    face: str
    face_colour: str
    pattern: float

    @property
    def crown(self) -> str:
        """The colour beneath a cap."""
        return self.face_colour if self.face == "hooded" else self.upper

    @property
    def cheek(self) -> str:
        """The colour around the eye."""
        return self.face_colour if self.face in ("hooded", "masked") else self.upper


@dataclass(frozen=True, slots=True)
class Genus:
    """One genus: its name, its family, its plumage and its typical marks (part -> mark)."""

    name: str
    family: Family
    plumage: Plumage
    typical: dict[str, Mark]

    def candidates(self, part: str) -> list[Mark]:
        """The marks of a part that fit the family and can be seen on this plumage."""
        marks = [m for m in CATALOGUE[part].values() if legible(m, self.plumage)]
        return [m for m in marks if part != "beak" or m.form in self.family.beaks]


def legible(mark: Mark, plumage: Plumage) -> bool:
    """Whether the mark stands out from the plumage around it."""
    if mark.colour is None:
        return True
    ground = {"crown": plumage.crown, "eye": plumage.cheek, "breast": plumage.under}.get(mark.part)
    return ground is None or contrast(rgb(mark.colour), rgb(ground)) >= _LEAST_CONTRAST


def draw_genera(family: Family, names: list[str], rng: np.random.Generator) -> list[Genus]:
    """Genera of one family, no two with the same back, belly and face; typical marks differ in three parts at least.

    Args:
        family: The family.
        names: The genera's names, one each.
        rng: Decides on everything else.
    """
    looks = [(upper, under, face) for upper in family.uppers for under in family.unders for face in FACES]
    chosen = rng.permutation(len(looks))[: len(names)]
    genera: list[Genus] = []
    for name, index in zip(names, chosen, strict=True):
        upper, under, face = looks[index]
        colours = [c for c in FACES[face] if face == "plain" or contrast(rgb(c), rgb(upper)) > 0.15]
        colour = str(rng.choice(colours)) if colours else "white"
        plumage = Plumage(upper, under, face, colour, float(rng.choice([0.0, 0.5, 1.0])))
        genera.append(_with_marks(Genus(name, family, plumage, {}), genera, rng))
    return genera


def _with_marks(genus: Genus, others: list[Genus], rng: np.random.Generator) -> Genus:
    for _ in range(1000):
        typical = {part: _typical(genus, part, rng) for part in PARTS}
        if all(sum(typical[p] != other.typical[p] for p in PARTS) >= 3 for other in others):
            return Genus(genus.name, genus.family, genus.plumage, typical)
    raise ValueError(f"no room for another genus of {genus.family.name}")


def _typical(genus: Genus, part: str, rng: np.random.Generator) -> Mark:
    marks = genus.candidates(part)
    return marks[int(rng.integers(len(marks)))]
