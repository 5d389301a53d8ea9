"""What tells two look-alikes apart: evidence for the one against the other, gathered over many photos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.errors import PhotoError
from fieldmark.explain import Evidence
from fieldmark.explain.explain_photo import explain_photo
from fieldmark.guide.evidence_parts import PartShare, part_shares
from fieldmark.guide.guide_photos import Asked
from fieldmark.guide.look_alikes import Pair
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import Record

__all__ = ["Separation", "Sighting", "separate"]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A photo that is told rightly, and where the evidence against the look-alike lies."""

    record: Record
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Separation:
    """Both sides of a pair.

    Attributes:
        first: Photos of the pair's first class, the surest first.
        second: Of its second.
        parts: Where the evidence lies, by annotated parts, both sides together; empty where none are annotated.
        how: How the evidence was found.
    """

    first: tuple[Sighting, ...]
    second: tuple[Sighting, ...]
    parts: tuple[PartShare, ...]
    how: tuple[str, ...]

    @property
    def photos(self) -> int:
        return len(self.first) + len(self.second)


def separate(
    recognizer: Predictor, asked: Asked, typical: Sequence[Sequence[Record]], pair: Pair, photos: int
) -> Separation:
    """Explain photos of both classes that are told rightly.

    Photos that were asked about come first, drawn evenly from the surest to the least sure; where they are too few, the
    class's typical photos join in.

    Args:
        recognizer: Whose evidence it is.
        asked: What it said.
        typical: Photos that stand for each class, by label.
        pair: The two classes.
        photos: How many of each class.
    """
    sides = []
    for own, other in ((pair.first, pair.second), (pair.second, pair.first)):
        chosen = [*_told(asked, own, photos)]
        if len(chosen) < photos:
            chosen += list(_called(recognizer, typical[own], own, chosen))[: photos - len(chosen)]
        sides.append(tuple(_sightings(recognizer, chosen, other)))
    first, second = sides
    found = [(one.evidence, one.record) for one in (*first, *second)]
    how = tuple(dict.fromkeys(evidence.how for evidence, _ in found))
    return Separation(first, second, tuple(part_shares(found)), how)


def _told(asked: Asked, label: int, photos: int) -> Iterator[Record]:
    """Photos of a class that are told rightly, drawn evenly from the surest to the least sure."""
    rows = np.flatnonzero((asked.labels == label) & (asked.predicted == label))
    rows = rows[np.argsort(-asked.probabilities[rows, label], kind="stable")]
    spread = np.linspace(0, len(rows) - 1, min(photos, len(rows))).round().astype(int)
    yield from (asked.records[int(row)] for row in rows[spread])


def _called(recognizer: Predictor, records: Sequence[Record], label: int, known: Sequence[Record]) -> Iterator[Record]:
    """Other photos that the model calls so too: one that is taken for the look-alike has no evidence against it."""
    there = {record.path for record in known}
    others = [record for record in records if record.path not in there]
    answers = recognizer.predict(others, top_k=1) if others else []
    for record, answer in zip(others, answers, strict=True):
        if answer.label == recognizer.classes[label]:
            yield record


def _sightings(recognizer: Predictor, records: Sequence[Record], other: int) -> Iterator[Sighting]:
    """Those that can be read and have evidence at all."""
    for record in records:
        try:
            evidence = explain_photo(recognizer, record, recognizer.classes[other])
        except PhotoError:
            continue
        if (evidence.contrast > 0).any():
            yield Sighting(record, evidence)
