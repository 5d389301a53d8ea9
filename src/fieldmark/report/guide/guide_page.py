"""A field guide as one HTML page."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fieldmark.data.photos.thumbnails import Allowance, close_up, thumbnail
from fieldmark.data.relative_path import relative_path
from fieldmark.guide.evidence_parts import BACKGROUND, PartShare
from fieldmark.guide.guide_texts import TEXTS, GuideTexts, Language
from fieldmark.guide.look_alikes import LookAlikes
from fieldmark.guide.make_guide import Guide
from fieldmark.guide.separating import Separation, Sighting
from fieldmark.report.guide.guide_views import ClassView, LookAlikeView, PhotoView, PlateView, Ring, SideView
from fieldmark.report.page import embedded_json, percent, write_page
from fieldmark.structures import Record

__all__ = ["telling", "write_guide_page"]

_EXPLAINED, _CLOSE, _OTHER = 480, 360, 400  # pixels; pages show them smaller, and in full when they are opened
_CONTEXT = 2.0  # side of a close-up, as a multiple of the frame's longer side
_MISTAKEN, _TYPICAL = 3, 4
_TELLING = 0.05
_BARE = 0.01  # a share below this gets no bar
_NAMED = 4
_WORST = 12


def write_guide_page(
    guide: Guide,
    out: Path,
    max_bytes: int,
    *,
    subject: str,
    facts: Sequence[tuple[str, str]] = (),
    lang: Language = "en",
    notes: Mapping[str, str] | None = None,
    model_key: str = "",
) -> None:
    """Write a guide.

    Args:
        guide: Its content.
        out: The HTML file.
        max_bytes: Limit for all pictures.
        subject: Name of the model, for the header.
        facts: Name and value of what the page says about its origin.
        lang: Language of the texts; `guide` has its advice in the same language.
        notes: Class -> note that the page starts with.
        model_key: The browser keeps notes under this key and the class.
    """
    texts = GuideTexts(lang)
    studio = _Studio(guide, max_bytes, texts)
    shown = zip(guide.pairs, guide.separations, strict=False)
    plates = [studio.plate(number, pair, found) for number, (pair, found) in enumerate(shown, 1)]
    classes = [studio.class_view(label) for label in _by_name(studio.classes)]
    advised = sorted((view for view in classes if view.advice), key=lambda view: view.correct / max(1, view.tested))
    write_page(
        out,
        "guide.html.j2",
        subject=subject,
        lang=lang,
        folders=[studio.root] if studio.root else [],
        t=texts,
        classes=classes,
        plates=plates,
        num_pairs=len(guide.pairs),
        advised=advised[:_WORST],
        num_advised=len(advised),
        tested=guide.tested,
        notes=notes or {},
        notes_data=embedded_json(
            {"model": model_key, "said": {key: TEXTS[lang][f"notes_{key}"] for key in ("bad", "added")}}
        ),
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

    def __init__(self, guide: Guide, max_bytes: int, texts: GuideTexts) -> None:
        self.guide, self.texts = guide, texts
        self.classes = [one.name for one in guide.counts]
        self.root = guide.tested.records.root
        tested = guide.tested
        self.confidence = dict(zip(tested.records.paths, tested.predictions.confidence.tolist(), strict=True))
        sides = [side for found in guide.separations for side in (found.first, found.second)]
        explained = sum((2 * len(side) or _TYPICAL) + _MISTAKEN for side in sides)
        pictures = explained + sum(map(len, guide.typical))
        self.limit = Allowance(max_bytes, pictures).each
        self.plates = {(pair.first, pair.second) for pair in guide.pairs[: len(guide.separations)]}

    def plate(self, number: int, pair: LookAlikes, found: Separation) -> PlateView:
        sides = (self._side(pair, pair.first, found.first), self._side(pair, pair.second, found.second))
        shown = tuple(part for part in found.parts if part.name != BACKGROUND and part.share >= _BARE)[:_NAMED]
        background = tuple(part for part in found.parts if part.name == BACKGROUND)
        parts = (*sorted(shown, key=lambda part: -part.share), *background)
        return PlateView(pair, number, _anchor(pair), sides, _sentence(found, self.texts), parts)

    def class_view(self, label: int) -> ClassView:
        counts = self.guide.counts[label]
        own = [pair for pair in self.guide.pairs if label in (pair.first, pair.second)]
        photos = [self._photo(record) for record in self.guide.typical[label]]
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
        shown = [self._explained(one) for one in sightings]
        plain = [] if sightings else [self._photo(record) for record in self.guide.typical[label][:_TYPICAL]]
        tested = self.guide.tested
        rows = tested.predictions.rows_called(label, pair.other(label))[:_MISTAKEN]
        mistaken = [self._photo(tested.records[int(row)], caption=True) for row in rows]
        return SideView(
            label=label,
            name=self.classes[label],
            photos=tuple(photo for photo in (shown or plain) if photo),
            explained=bool(sightings),
            mistaken=tuple(photo for photo in mistaken if photo),
            called=pair.called(label),
            tested=self.guide.counts[label].tested,
        )

    def _explained(self, one: Sighting) -> PhotoView | None:
        photo = self._photo(one.record, _EXPLAINED, caption=True)
        if photo is None:
            return None
        crop = close_up(one.record, one.evidence.box, _CLOSE, self.limit, context=_CONTEXT)
        return replace(photo, ring=_ring(one), close_up=crop)

    def _photo(self, record: Record, side: int = _OTHER, *, caption: bool = False) -> PhotoView | None:
        picture = thumbnail(record, side, self.limit)
        name = relative_path(record.path, self.root).encode("utf-8", "replace").decode()
        return PhotoView(picture, name, self._caption(record) if caption else "") if picture else None

    def _caption(self, record: Record) -> str:
        found = self.confidence.get(record.path)
        return self.texts("training_photo") if found is None else self.texts("confident", share=percent(found))


def _ring(sighting: Sighting) -> Ring:
    width, height = sighting.evidence.size
    x1, y1, x2, y2 = sighting.evidence.box
    return Ring(x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height)


def _sentence(found: Separation, texts: GuideTexts) -> str:
    """What to look at, from the annotated parts."""
    if not found.parts:
        return ""
    best = telling(found.parts)
    if not best:
        return texts("no_part")
    words = [texts("part", part=one.name, share=percent(one.share), area=percent(one.area)) for one in best[:3]]
    if len(words) == 1:
        return texts("look_at", part=words[0])
    return texts("look_at_then", part=words[0], others=texts("others_joined").join(words[1:]))


def _anchor(pair: LookAlikes) -> str:
    return f"pair-{pair.first}-{pair.second}"


def _by_name(names: Sequence[str]) -> list[int]:
    """Labels in the order of an index: ignoring case, and with numbers by value."""
    keys = [[int(bit) if bit.isdecimal() else bit for bit in re.split(r"(\d+)", name.casefold())] for name in names]
    return sorted(range(len(names)), key=lambda label: keys[label])
