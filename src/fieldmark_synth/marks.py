"""The catalogue of field marks: the possible values of every part of the bird."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

__all__ = ["CATALOGUE", "PARTS", "Mark", "mark", "single_step"]

PARTS: Final = ("beak", "crown", "eye", "wing", "breast", "tail", "legs")
"""Parts with a field mark, in the order of the files."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One value of one part.

    Attributes:
        part: One of `PARTS`.
        name: Name of the value, such as ``two white bars``; unique within the part.
        form: Shape or pattern of the mark.
        colour: Name of the mark's colour; None if it has the colour of the plumage around it.
        form_epithet: Word for the form in the name of a species.
        colour_epithet: Word for the colour in the name of a species.
    """

    part: str
    name: str
    form: str
    colour: str | None
    form_epithet: str
    colour_epithet: str

    def epithet(self, typical: Mark) -> str:
        """Return the word in a species' name for this mark, which replaces the `typical` mark of the genus."""
        return self.form_epithet if self.form != typical.form else self.colour_epithet


_BEAK_FORMS = {
    "conical": "Thick-billed",
    "slender": "Thin-billed",
    "hooked": "Hook-billed",
    "dagger": "Dagger-billed",
    "curved": "Curve-billed",
}
_BEAK_COLOURS = {
    "black": "Black-billed",
    "yellow": "Yellow-billed",
    "scarlet": "Scarlet-billed",
    "ivory": "Ivory-billed",
}
_TAIL_FORMS = {
    "square": "Square-tailed",
    "forked": "Fork-tailed",
    "rounded": "Fan-tailed",
    "pointed": "Wedge-tailed",
}
_TAIL_TIPS = {None: "Plain-tailed", "white": "White-tipped", "gold": "Gold-tipped"}


def _beaks() -> list[Mark]:
    return [
        Mark("beak", f"{form} {colour}", form, colour, form_epithet, colour_epithet)
        for form, form_epithet in _BEAK_FORMS.items()
        for colour, colour_epithet in _BEAK_COLOURS.items()
    ]


def _tails() -> list[Mark]:
    return [
        Mark("tail", f"{form} {tip}-tipped" if tip else f"{form} plain", form, tip, form_epithet, tip_epithet)
        for form, form_epithet in _TAIL_FORMS.items()
        for tip, tip_epithet in _TAIL_TIPS.items()
    ]


def _simple(part: str, name: str, form: str, colour: str | None, epithet: str) -> Mark:
    return Mark(part, name, form, colour, epithet, epithet)


_MARKS: Final = (
    *_beaks(),
    _simple("crown", "plain", "plain", None, "Plain-crowned"),
    _simple("crown", "black cap", "cap", "black", "Black-capped"),
    _simple("crown", "copper cap", "cap", "copper", "Copper-crowned"),
    _simple("crown", "golden cap", "cap", "gold", "Golden-crowned"),
    _simple("crown", "crimson cap", "cap", "crimson", "Crimson-crowned"),
    _simple("crown", "white cap", "cap", "white", "White-crowned"),
    _simple("crown", "crest", "crest", None, "Crested"),
    _simple("eye", "no ring", "plain", None, "Dark-eyed"),
    _simple("eye", "white ring", "ring", "white", "Spectacled"),
    _simple("eye", "scarlet ring", "ring", "scarlet", "Scarlet-eyed"),
    _simple("wing", "plain", "plain", None, "Plain-winged"),
    _simple("wing", "one white bar", "one_bar", "white", "Bar-winged"),
    _simple("wing", "two white bars", "two_bars", "white", "Double-barred"),
    _simple("wing", "golden patch", "patch", "gold", "Golden-winged"),
    _simple("breast", "plain", "plain", None, "Plain-breasted"),
    _simple("breast", "streaked", "streaks", "charcoal", "Streak-breasted"),
    _simple("breast", "spotted", "spots", "charcoal", "Spot-breasted"),
    _simple("breast", "black band", "band", "black", "Band-breasted"),
    _simple("breast", "rose patch", "patch", "rose", "Rose-breasted"),
    *_tails(),
    _simple("legs", "black", "plain", "black", "Black-legged"),
    _simple("legs", "yellow", "plain", "yellow", "Yellow-legged"),
    _simple("legs", "scarlet", "plain", "scarlet", "Scarlet-legged"),
    _simple("legs", "sky blue", "plain", "sky", "Blue-legged"),
)

CATALOGUE: Final[Mapping[str, Mapping[str, Mark]]] = MappingProxyType(
    {part: MappingProxyType({m.name: m for m in _MARKS if m.part == part}) for part in PARTS}
)
"""Part -> name of the value -> mark."""


def mark(part: str, name: str) -> Mark:
    """Return a mark of a part by its name."""
    return CATALOGUE[part][name]


def single_step(first: Mark, second: Mark) -> bool:
    """Return whether two marks of one part differ by a single step: of beaks and tails, by either form or colour."""
    if first.part in ("beak", "tail"):
        return (first.form != second.form) != (first.colour != second.colour)
    return first != second
