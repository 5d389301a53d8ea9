"""A field guide as one HTML page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from fieldmark.data.photos.thumbnails import Allowance, close_up, thumbnail
from fieldmark.data.relative_path import relative_path
from fieldmark.guide.evidence_parts import BACKGROUND, PartShare
from fieldmark.guide.look_alikes import LookAlikes
from fieldmark.guide.make_guide import Guide
from fieldmark.guide.separating import Separation, Sighting
from fieldmark.report.guide.guide_views import ClassView, LookAlikeView, PhotoView, PlateView, Ring, SideView
from fieldmark.report.page import percent, write_page
from fieldmark.structures import Record

__all__ = ["telling", "write_guide_page"]

_LARGE, _SMALL, _CLOSE, _TYPICAL = 300, 150, 112, 200
_SHOWN, _MISTAKEN = 3, 3
_TELLING = 0.05
_BARE = 0.01  # a share below this gets no bar
_NAMED = 4
_WORST = 12


def write_guide_page(
    guide: Guide, out: Path, max_bytes: int, *, subject: str, facts: Sequence[tuple[str, str]] = ()
) -> None:
    """Write a guide.

    Args:
        guide: Its content.
        out: The HTML file.
        max_bytes: Limit for all pictures.
        subject: Name of the model, for the header.
        facts: Name and value of what the page says about its origin.
    """
    studio = _Studio(guide, max_bytes)
    plates = [studio.plate(pair, found) for pair, found in zip(guide.pairs, guide.separations, strict=False)]
    classes = [studio.class_view(label) for label in _by_name(studio.classes)]
    advised = sorted((view for view in classes if view.advice), key=lambda view: view.correct / max(1, view.tested))
    write_page(
        out,
        "guide.html.j2",
        subject=subject,
        folders=[studio.root] if studio.root else [],
        classes=classes,
        plates=plates,
        advised=advised[:_WORST],
        num_advised=len(advised),
        tested=guide.tested,
        how=sorted({how for found in guide.separations for how in found.how}),
        has_parts=any(plate.parts for plate in plates),
        has_boxes=any(part.name == BACKGROUND for plate in plates for part in plate.parts),
        facts=facts,
        background=BACKGROUND,
    )


def telling(parts: tuple[PartShare, ...]) -> list[PartShare]:
    """Return the parts whose share of the evidence exceeds their share of the area by at least five points."""
    return [part for part in parts if part.name != BACKGROUND and part.excess >= _TELLING]


class _Studio:
    """Makes the views of one guide, with pictures within the limit of bytes."""

    def __init__(self, guide: Guide, max_bytes: int) -> None:
        self.guide = guide
        self.classes = [one.name for one in guide.counts]
        self.root = guide.tested.records.root
        explained = sum(found.photos + 2 * (_SHOWN + _MISTAKEN) for found in guide.separations)
        pictures = explained + sum(map(len, guide.typical))
        self.limit = Allowance(max_bytes, pictures).each
        self.plates = {(pair.first, pair.second) for pair in guide.pairs[: len(guide.separations)]}

    def plate(self, pair: LookAlikes, found: Separation) -> PlateView:
        sides = (self._side(pair, pair.first, found.first), self._side(pair, pair.second, found.second))
        shown = tuple(part for part in found.parts if part.name != BACKGROUND and part.share >= _BARE)[:_NAMED]
        background = tuple(part for part in found.parts if part.name == BACKGROUND)
        parts = (*sorted(shown, key=lambda part: -part.share), *background)
        return PlateView(pair, _anchor(pair), sides, _sentence(found), parts)

    def class_view(self, label: int) -> ClassView:
        counts = self.guide.counts[label]
        own = [pair for pair in self.guide.pairs if label in (pair.first, pair.second)]
        photos = [self._photo(record, _TYPICAL) for record in self.guide.typical[label]]
        return ClassView(
            label=label,
            name=counts.name,
            ancestors=" · ".join(self.guide.taxonomy.get(counts.name, ())),
            photos=tuple(photo for photo in photos if photo),
            trained=counts.trained,
            tested=counts.tested,
            correct=counts.correct,
            look_alikes=tuple(self._look_alike(pair, label) for pair in own[:_NAMED]),
            advice=self.guide.advice[label],
        )

    def _look_alike(self, pair: LookAlikes, label: int) -> LookAlikeView:
        other = pair.other(label)
        target = _anchor(pair) if (pair.first, pair.second) in self.plates else f"class-{other}"
        return LookAlikeView(self.classes[other], target, pair.called(label))

    def _side(self, pair: LookAlikes, label: int, sightings: tuple[Sighting, ...]) -> SideView:
        shown = [self._photo(one.record, _LARGE, _ring(one)) for one in sightings[:_SHOWN]]
        plain = [self._photo(record, _LARGE) for record in self.guide.typical[label][:_SHOWN]]
        close_ups = [close_up(one.record, one.evidence.box, _CLOSE, self.limit) for one in sightings]
        tested = self.guide.tested
        rows = tested.predictions.rows_called(label, pair.other(label))[:_MISTAKEN]
        mistaken = [self._photo(tested.records[int(row)], _SMALL) for row in rows]
        return SideView(
            label=label,
            name=self.classes[label],
            photos=tuple(photo for photo in (shown or plain) if photo),
            explained=bool(sightings),
            close_ups=tuple(picture for picture in close_ups if picture),
            mistaken=tuple(photo for photo in mistaken if photo),
            called=pair.called(label),
            tested=self.guide.counts[label].tested,
        )

    def _photo(self, record: Record, side: int, ring: Ring | None = None) -> PhotoView | None:
        picture = thumbnail(record, side, self.limit)
        name = relative_path(record.path, self.root).encode("utf-8", "replace").decode()
        return PhotoView(picture, name, ring) if picture else None


def _ring(sighting: Sighting) -> Ring:
    width, height = sighting.evidence.size
    x1, y1, x2, y2 = sighting.evidence.box
    return Ring(x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height)


def _sentence(found: Separation) -> str:
    """What to look at, from the annotated parts."""
    if not found.parts:
        return ""
    best = telling(found.parts)
    if not best:
        return "No single part stands out: the evidence is spread over the whole object."
    words = [
        f"{part.name} ({percent(part.share)} of the evidence in {percent(part.area)} of the area)" for part in best
    ]
    return f"Look at the {words[0]}" + (f", then at the {' and the '.join(words[1:3])}." if words[1:] else ".")


def _anchor(pair: LookAlikes) -> str:
    return f"pair-{pair.first}-{pair.second}"


def _by_name(names: Sequence[str]) -> list[int]:
    """Labels in the order of an index: ignoring case, and with numbers by value."""
    keys = [[int(bit) if bit.isdecimal() else bit for bit in re.split(r"(\d+)", name.casefold())] for name in names]
    return sorted(range(len(names)), key=lambda label: keys[label])
