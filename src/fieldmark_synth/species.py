"""A taxonomy of invented look-alike birds: species of one genus differ in one or two known field marks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fieldmark.errors import SettingError
from fieldmark_synth.families import FAMILIES, GENUS_NAMES, Silhouette
from fieldmark_synth.genus import Genus, Plumage, draw_genera
from fieldmark_synth.marks import PARTS, Mark, mark, single_step

__all__ = ["MAX_CLASSES", "Species", "separating_parts", "species_list"]

MAX_CLASSES: Final = 400
"""Maximum number of species."""


@dataclass(frozen=True)
class Species:
    """One invented species.

    Attributes:
        name: Name such as ``Copper-crowned Bramble Finch``; ``Common`` species have the typical marks of the genus.
        genus: Name such as ``Bramble Finches``.
        family: Name such as ``Finches``.
        marks: Part -> value, such as ``crown`` -> ``copper cap``; the parts are `PARTS`.
        plumage: Colours of the genus.
        silhouette: Proportions of the family.
    """

    name: str
    genus: str
    family: str
    marks: Mapping[str, str] = field(hash=False)
    plumage: Plumage
    silhouette: Silhouette

    def mark(self, part: str) -> Mark:
        """Return the field mark of a part."""
        return mark(part, self.marks[part])


def separating_parts(first: Species, second: Species) -> tuple[str, ...]:
    """Return the parts whose field marks differ between two species, in the order of `PARTS`."""
    return tuple(part for part in PARTS if first.marks[part] != second.marks[part])


def species_list(num_classes: int, seed: int = 0) -> list[Species]:
    """Return a taxonomy of distinct species.

    Args:
        num_classes: 2 to `MAX_CLASSES`.
        seed: The same number of classes and seed give the same species.

    Returns:
        The species by family, genus and name. Two species of one genus differ in one or two parts.

    Raises:
        SettingError: `num_classes` is out of range, or `seed` is negative.
    """
    if not 2 <= num_classes <= MAX_CLASSES:
        raise SettingError(
            f"expected 2 to {MAX_CLASSES} species, got {num_classes}: choose a number of classes in that range"
        )
    if seed < 0:
        raise SettingError(f"expected a seed of at least 0, got {seed}: choose another")
    rng = np.random.default_rng([seed, num_classes])
    genus_sizes = _even(num_classes, max(1, num_classes // _species_per_genus(num_classes)))
    num_families = max(min(2, len(genus_sizes)), round(len(genus_sizes) ** 0.5))
    family_sizes = _even(len(genus_sizes), min(len(FAMILIES), num_families))
    names = [str(name) for name in rng.permutation(GENUS_NAMES)]
    genera: list[Genus] = []
    for index, count in zip(rng.permutation(len(FAMILIES)), family_sizes, strict=False):
        genera += draw_genera(FAMILIES[index], sorted(names[:count]), genera, rng)
        names = names[count:] + names[:count]
    species = [one for genus, count in zip(genera, genus_sizes, strict=True) for one in _species_of(genus, count, rng)]
    return sorted(species, key=lambda one: (one.family, one.genus, one.name))


def _species_per_genus(num_classes: int) -> int:
    """Return the number of species in a genus: genera of small sets are small, so that there are several."""
    return 2 if num_classes < 8 else 3 if num_classes < 24 else 4


def _even(total: int, shares: int) -> list[int]:
    """Divide `total` into `shares` integers that differ by at most 1."""
    return [total // shares + (index < total % shares) for index in range(shares)]


def _species_of(genus: Genus, count: int, rng: np.random.Generator) -> list[Species]:
    """Return the typical species and `count` - 1 species that differ from it in one mark each."""
    changes = _single_changes(genus, count - 1, rng)
    return [
        _named("Common", genus, {}),
        *(_named(new.epithet(genus.typical[new.part]), genus, {new.part: new}) for new in changes),
    ]


def _single_changes(genus: Genus, count: int, rng: np.random.Generator) -> list[Mark]:
    """Return marks one step from the typical ones, spread over the parts, each with a different epithet."""
    changes: list[Mark] = []
    epithets: set[str] = set()
    while len(changes) < count:
        for part in (str(p) for p in rng.permutation(PARTS)):
            typical = genus.typical[part]
            marks = [m for m in genus.candidates(part) if single_step(typical, m)]
            marks = [m for m in marks if m.epithet(typical) not in epithets]
            if marks and len(changes) < count:
                changes.append(marks[int(rng.integers(len(marks)))])
                epithets.add(changes[-1].epithet(typical))
    return changes


def _named(epithet: str, genus: Genus, changes: Mapping[str, Mark]) -> Species:
    marks = {**genus.typical, **changes}
    return Species(
        name=f"{epithet} {genus.name} {genus.family.noun}",
        genus=f"{genus.name} {genus.family.name}",
        family=genus.family.name,
        marks={part: marks[part].name for part in PARTS},
        plumage=genus.plumage,
        silhouette=genus.family.silhouette,
    )
