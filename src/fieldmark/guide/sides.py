"""From which side a photo shows its object, as far as annotated parts tell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.structures import Record

__all__ = ["SideTable", "both_sides_show", "side_table"]

_SIDED = re.compile(r"^(left|right)[\s_-]+(.+)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SideTable:
    """How photos that show both sides of the object fare against those that show one.

    Attributes:
        part: The part that comes in two, such as ``eye``.
        both: Photos on which both can be seen.
        both_right: Those of them that are told rightly.
        one: Photos on which one can be seen.
        one_right: Those of them that are told rightly.
    """

    part: str
    both: int
    both_right: int
    one: int
    one_right: int


def both_sides_show(record: Record) -> tuple[str, bool] | None:
    """The part that comes in two, and whether both can be seen; None where neither can, or no part comes in two.

    Eyes are asked first: both show from the front alone, while both wings do from the back and in flight too.
    """
    sides: dict[str, set[str]] = {}
    for part in record.parts:
        found = _SIDED.match(part.name)
        if found:
            sides.setdefault(found[2].lower(), set())
            if part.visible:
                sides[found[2].lower()].add(found[1].lower())
    if not sides:
        return None
    name = "eye" if "eye" in sides else next(iter(sides))
    return (name, len(sides[name]) == 2) if sides[name] else None


def side_table(records: Sequence[Record], right: Sequence[bool]) -> SideTable | None:
    """Counts over the photos of one class; None where no part comes in two."""
    seen = [(found, good) for record, good in zip(records, right, strict=True) if (found := both_sides_show(record))]
    if not seen:
        return None
    both = np.array([found[1] for found, _ in seen])
    good = np.array([good for _, good in seen])
    part = seen[0][0][0]
    return SideTable(part, int(both.sum()), int((both & good).sum()), int((~both).sum()), int((~both & good).sum()))
