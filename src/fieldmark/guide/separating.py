"""What separates two look-alikes: evidence for one against the other, over many photos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.errors import PhotoError
from fieldmark.explain import PhotoEvidence
from fieldmark.explain.explain_photo import explain_photo
from fieldmark.guide.evidence_parts import PartShare, part_shares
from fieldmark.guide.guide_photos import PredictedPhotos
from fieldmark.guide.look_alikes import LookAlikes
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import Record

__all__ = ["Separation", "Sighting", "separate"]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A correctly predicted photo with its evidence against the look-alike."""

    record: Record
    evidence: PhotoEvidence


@dataclass(frozen=True, slots=True)
class Separation:
    """Both sides of a pair.

    Attributes:
        first: Photos of the pair's first class, the highest confidence first.
        second: Photos of its second class.
        parts: Evidence by annotated part, both classes together; empty without annotations.
        how: How the evidence was computed.
    """

    first: tuple[Sighting, ...]
    second: tuple[Sighting, ...]
    parts: tuple[PartShare, ...]
    how: tuple[str, ...]

    @property
    def photos(self) -> int:
        return len(self.first) + len(self.second)


def separate(
    recognizer: Predictor, tested: PredictedPhotos, typical: Sequence[Sequence[Record]], pair: LookAlikes, photos: int
) -> Separation:
    """Explain correctly predicted photos of both classes.

    Tested photos come first, spread evenly from the highest to the lowest confidence. If they are too few, the class's
    typical photos follow.

    Args:
        recognizer: The recognizer to explain.
        tested: Photos with its predictions.
        typical: Typical photos of each class, by label.
        pair: The two classes.
        photos: Number of photos of each class.
    """
    sides = []
    for own, other in ((pair.first, pair.second), (pair.second, pair.first)):
        chosen = [*_correct(tested, own, photos)]
        if len(chosen) < photos:
            chosen += list(_also_correct(recognizer, typical[own], own, chosen))[: photos - len(chosen)]
        sides.append(tuple(_sightings(recognizer, chosen, other)))
    first, second = sides
    found = [(one.evidence, one.record) for one in (*first, *second)]
    how = tuple(dict.fromkeys(evidence.how for evidence, _ in found))
    return Separation(first, second, tuple(part_shares(found)), how)


def _correct(tested: PredictedPhotos, label: int, photos: int) -> Iterator[Record]:
    """Correct photos of a class, spread evenly from the highest to the lowest confidence."""
    rows = tested.predictions.rows_called(label, label)
    spread = np.linspace(0, len(rows) - 1, min(photos, len(rows))).round().astype(int)
    yield from (tested.records[int(row)] for row in rows[spread])


def _also_correct(
    recognizer: Predictor, records: Sequence[Record], label: int, known: Sequence[Record]
) -> Iterator[Record]:
    """Other correct photos: a photo predicted as the look-alike has no evidence against it."""
    there = {record.path for record in known}
    others = [record for record in records if record.path not in there]
    for record, answer in zip(others, recognizer.answers(others, top_k=1), strict=True):
        if answer.label == recognizer.classes[label]:
            yield record


def _sightings(recognizer: Predictor, records: Sequence[Record], other: int) -> Iterator[Sighting]:
    """Records that can be read and have any evidence."""
    for record in records:
        try:
            evidence = explain_photo(recognizer, record, recognizer.classes[other])
        except PhotoError:
            continue
        if (evidence.contrast > 0).any():
            yield Sighting(record, evidence)
