"""Which side of an object its photos show, from the annotated parts."""

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
    """Accuracy on photos that show both sides of the object, and on those that show one.

    Attributes:
        part: The paired part, such as ``eye``.
        both: Photos in which both are visible.
        both_correct: Those of them that are predicted correctly.
        one: Photos in which one is visible.
        one_correct: Those of them that are predicted correctly.
    """

    part: str
    both: int
    both_correct: int
    one: int
    one_correct: int


def both_sides_show(record: Record) -> tuple[str, bool] | None:
    """Return the paired part and whether both are visible; None if neither is, or if no part is paired.

    Eyes come first: both are visible only from the front, while both wings are also visible from behind and in flight.
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


def side_table(records: Sequence[Record], correct: Sequence[bool]) -> SideTable | None:
    """Count over the photos of one class; None if no part is paired."""
    seen = [(found, good) for record, good in zip(records, correct, strict=True) if (found := both_sides_show(record))]
    if not seen:
        return None
    both = np.array([found[1] for found, _ in seen])
    good = np.array([good for _, good in seen])
    part = seen[0][0][0]
    return SideTable(part, int(both.sum()), int((both & good).sum()), int((~both).sum()), int((~both & good).sum()))
