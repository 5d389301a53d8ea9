"""The guide as a page: which pictures it shows, at what size, and what stands beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fieldmark.artifact.save import relative_path
from fieldmark.data.thumbnails import Allowance, Thumbnail, close_up, thumbnail
from fieldmark.evaluation.page import percent, render_page
from fieldmark.guide.look_alikes import Pair
from fieldmark.guide.parts import BACKGROUND, PartShare
from fieldmark.guide.separating import Separation, Sighting
from fieldmark.recognizer.recognizer import Recognizer
from fieldmark.structures import Record
from fieldmark.whole import whole_file

if TYPE_CHECKING:
    from fieldmark.guide.write import Guide

__all__ = ["ClassView", "Plan", "PlateView", "Ring", "SideView", "TypicalView", "telling", "write_page"]

_LARGE, _SMALL, _CLOSE, _TYPICAL = 300, 150, 112, 200
_SHOWN, _MISTAKEN = 3, 3
_TELLING = 0.05
_NAMED = 4
_WORST = 12


@dataclass(frozen=True, slots=True)
class Plan:
    """How many bytes the pictures may take."""

    max_bytes: int


@dataclass(frozen=True, slots=True)
class Ring:
    """The outline of the strongest evidence, as shares of the photo's width and height."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class TypicalView:
    """A photo with its file's name; with the ring around its evidence where there is one."""

    picture: Thumbnail
    name: str
    ring: Ring | None = None


@dataclass(frozen=True, slots=True)
class SideView:
    """One class of a pair.

    Attributes:
        label: The class.
        name: And its name.
        photos: Its photos with their evidence, or its typical ones where it is never told rightly.
        explained: Whether they carry evidence.
        close_ups: What lies inside of the rings, of all photos that were explained.
        mistaken: Photos of it that are called the other.
        called: How many there are.
        asked: Of how many.
    """

    label: int
    name: str
    photos: tuple[TypicalView, ...]
    explained: bool
    close_ups: tuple[Thumbnail, ...]
    mistaken: tuple[TypicalView, ...]
    called: int
    asked: int


@dataclass(frozen=True, slots=True)
class PlateView:
    """A pair with its photos and with what tells it apart."""

    pair: Pair
    anchor: str
    sides: tuple[SideView, SideView]
    separation: Separation
    sentence: str
    parts: tuple[PartShare, ...]


@dataclass(frozen=True, slots=True)
class LookAlikeView:
    """A look-alike of a class: its name, where to read on, and how many photos are called so."""

    name: str
    target: str
    called: int


@dataclass(frozen=True, slots=True)
class ClassView:
    """One class of the guide."""

    label: int
    name: str
    ancestors: str
    photos: tuple[TypicalView, ...]
    learned: int
    asked: int
    right: int
    look_alikes: tuple[LookAlikeView, ...]
    advice: tuple[str, ...]


def write_page(guide: Guide, recognizer: Recognizer, out: Path, plan: Plan) -> None:
    """Write a guide.

    Args:
        guide: What it tells.
        recognizer: Of which model.
        out: The file.
        plan: What its pictures may take.
    """
    studio = _Studio(guide, recognizer, plan)
    plates = [studio.plate(pair, found) for pair, found in zip(guide.pairs, guide.separations, strict=False)]
    classes = [studio.class_view(label) for label in np.argsort(_sort_keys(recognizer.classes), kind="stable").tolist()]
    advised = sorted((view for view in classes if view.advice), key=lambda view: view.right / max(1, view.asked))
    page = render_page(
        "fieldmark.guide",
        "guide.html.j2",
        classes=classes,
        plates=plates,
        advised=advised[:_WORST],
        num_advised=len(advised),
        asked=guide.asked,
        top1=guide.top1,
        how=sorted({how for found in guide.separations for how in found.how}),
        has_parts=any(plate.parts for plate in plates),
        has_boxes=any(part.name == BACKGROUND for plate in plates for part in plate.parts),
        facts=_facts(guide, recognizer),
        background=BACKGROUND,
    )
    with whole_file(out) as draft:
        draft.write_text(page, encoding="utf-8", errors="surrogateescape")


def telling(parts: tuple[PartShare, ...]) -> list[PartShare]:
    """The parts that hold more of the evidence than their area explains, by five points at least."""
    return [part for part in parts if part.name != BACKGROUND and part.excess >= _TELLING]


class _Studio:
    """Makes the views of one guide, its pictures within their allowance."""

    def __init__(self, guide: Guide, recognizer: Recognizer, plan: Plan) -> None:
        self.guide, self.classes, self.taxonomy = guide, recognizer.classes, recognizer.manifest.taxonomy
        self.root = guide.asked.records.root
        explained = sum(found.photos + 2 * (_SHOWN + _MISTAKEN) for found in guide.separations)
        pictures = explained + sum(map(len, guide.typical))
        self.limit = Allowance(plan.max_bytes, pictures).each
        self.plates = {(pair.first, pair.second) for pair in guide.pairs[: len(guide.separations)]}

    def plate(self, pair: Pair, found: Separation) -> PlateView:
        sides = (self._side(pair, pair.first, found.first), self._side(pair, pair.second, found.second))
        shown = tuple(part for part in found.parts if part.name != BACKGROUND)[:_NAMED]
        background = tuple(part for part in found.parts if part.name == BACKGROUND)
        parts = (*sorted(shown, key=lambda part: -part.share), *background)
        return PlateView(pair, _anchor(pair), sides, found, _sentence(found), parts)

    def class_view(self, label: int) -> ClassView:
        counts = self.guide.counts[label]
        own = [pair for pair in self.guide.pairs if label in (pair.first, pair.second)]
        photos = [self._photo(record, _TYPICAL) for record in self.guide.typical[label]]
        return ClassView(
            label=label,
            name=counts.name,
            ancestors=" · ".join(self.taxonomy.get(counts.name, ())),
            photos=tuple(photo for photo in photos if photo),
            learned=counts.learned,
            asked=counts.asked,
            right=counts.right,
            look_alikes=tuple(self._look_alike(pair, label) for pair in own[:_NAMED]),
            advice=self.guide.advice[label],
        )

    def _look_alike(self, pair: Pair, label: int) -> LookAlikeView:
        other = pair.other(label)
        target = _anchor(pair) if (pair.first, pair.second) in self.plates else f"class-{other}"
        return LookAlikeView(self.classes[other], target, pair.called(label))

    def _side(self, pair: Pair, label: int, sightings: tuple[Sighting, ...]) -> SideView:
        shown = [self._photo(one.record, _LARGE, _ring(one)) for one in sightings[:_SHOWN]]
        plain = [self._photo(record, _LARGE) for record in self.guide.typical[label][:_SHOWN]]
        close_ups = [close_up(one.record, one.evidence.box, _CLOSE, self.limit) for one in sightings]
        asked = self.guide.asked
        rows = np.flatnonzero((asked.labels == label) & (asked.predicted == pair.other(label)))
        rows = rows[np.argsort(-asked.probabilities[rows, pair.other(label)], kind="stable")]
        mistaken = [self._photo(asked.records[int(row)], _SMALL) for row in rows[:_MISTAKEN]]
        return SideView(
            label=label,
            name=self.classes[label],
            photos=tuple(photo for photo in (shown or plain) if photo),
            explained=bool(sightings),
            close_ups=tuple(picture for picture in close_ups if picture),
            mistaken=tuple(photo for photo in mistaken if photo),
            called=pair.called(label),
            asked=self.guide.counts[label].asked,
        )

    def _photo(self, record: Record, side: int, ring: Ring | None = None) -> TypicalView | None:
        picture = thumbnail(record, side, self.limit)
        name = relative_path(record.path, self.root).encode("utf-8", "replace").decode()
        return picture and TypicalView(picture, name, ring)


def _ring(sighting: Sighting) -> Ring:
    width, height = sighting.evidence.size
    x1, y1, x2, y2 = sighting.evidence.box
    return Ring(x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height)


def _sentence(found: Separation) -> str:
    """What to look at, as far as annotated parts tell."""
    if not found.parts:
        return ""
    best = telling(found.parts)
    if not best:
        return "The evidence is spread over the whole: no single part holds more of it than its area explains."
    words = [
        f"{part.name} ({percent(part.share)} of the evidence on {percent(part.area)} of the area)" for part in best
    ]
    return f"Look at the {words[0]}" + (f", then at the {' and the '.join(words[1:3])}." if words[1:] else ".")


def _anchor(pair: Pair) -> str:
    return f"pair-{pair.first}-{pair.second}"


def _sort_keys(names: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Places in an index: by letters whatever their case, numbers by their size."""
    keys = [[int(bit) if bit.isdigit() else bit for bit in re.split(r"(\d+)", name.casefold())] for name in names]
    order = sorted(range(len(names)), key=lambda index: keys[index])
    places = np.empty(len(names), dtype=np.int64)
    places[order] = np.arange(len(names))
    return places


def _facts(guide: Guide, recognizer: Recognizer) -> list[tuple[str, str]]:
    manifest = recognizer.manifest
    return [
        ("model", f"{recognizer.folder.resolve().name}, {manifest.method}, Fieldmark {manifest.fieldmark}"),
        ("photos", f"{guide.asked.records.root}"),
        ("fingerprint of the data", manifest.data.fingerprint),
        ("written", datetime.now(UTC).isoformat(timespec="minutes")),
    ]
