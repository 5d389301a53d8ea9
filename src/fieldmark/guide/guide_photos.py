"""The photos of a guide: those that the model learned from, and those by which it is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fieldmark.arrays import Floats, Ints
from fieldmark.data.read import read
from fieldmark.errors import DataError
from fieldmark.evaluation.evaluate import data_source
from fieldmark.evaluation.recorded_split import content_keys, of_split
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import RecordList, Split

__all__ = ["Asked", "GuidePhotos", "ask", "evenly_by_class", "guide_photos"]


_SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class GuidePhotos:
    """Photos with labels of the recognizer's classes.

    Attributes:
        learned: Those in the model's train split.
        fresh: Those in its val and test splits.
    """

    learned: RecordList
    fresh: RecordList

    def to_ask(self, test: bool) -> RecordList:
        """Val photos, and test photos where they are wanted or where none are the model's own.

        Training photos for want of others.
        """
        if test or not self.learned:
            return self.fresh or self.learned
        return self.fresh.of_split("val") or self.learned


@dataclass(frozen=True, slots=True)
class Asked:
    """Photos that the model was asked about, and what it said.

    Attributes:
        records: (n) readable photos.
        probabilities: (n, K).
        labels: (n,) the truth.
        words: What photos they are.
        learned: Whether the model was trained on them, for want of others.
    """

    records: RecordList
    probabilities: Floats
    labels: Ints
    words: str
    learned: bool

    @property
    def predicted(self) -> Ints:
        return np.asarray(self.probabilities.argmax(1))


def guide_photos(recognizer: Predictor, data: str | Path | None) -> GuidePhotos:
    """The photos of the model's classes in the splits of the fit, or of other data in their own.

    Raises:
        DataError: The photos are no longer where they were, or none is of the model's classes.
    """
    source = data_source(recognizer, data)
    records = read(source)
    own = recognizer.class_to_idx
    familiar = [record for record in records if records.classes[record.label] in own]
    if not familiar:
        raise DataError(
            f"expected photos of the model's {len(own)} classes in {source}, such as '{recognizer.classes[0]}', but "
            f"found other classes, such as '{records.classes[records[0].label]}'; name the model's own photos as DATA"
        )
    familiar_list = records.like(familiar)
    contents, rows = content_keys(familiar_list), recognizer.split()
    found = []
    for split in _SPLITS:
        for index in of_split(familiar_list, contents, rows, split):
            record = familiar[index]
            found.append(replace(record, label=own[records.classes[record.label]], split=split))
    if not found:
        raise DataError(f"none of the {len(familiar)} photos in {source} belongs to a split; name other photos as DATA")
    everything = RecordList(found, recognizer.classes, name=records.name, root=records.root, ranks=records.ranks)
    fresh = everything.like(record for record in everything if record.split != "train")
    return GuidePhotos(everything.of_split("train"), fresh)


def ask(recognizer: Predictor, photos: RecordList, per_class: int) -> Asked:
    """Ask a model about photos with labels.

    Args:
        recognizer: Who is asked.
        photos: Each with its split.
        per_class: At most so many of each class.

    Raises:
        DataError: None of them can be read.
    """
    chosen = evenly_by_class(photos, per_class)
    scores = recognizer.scores(chosen, "asking")
    good = [index for index in range(len(chosen)) if index not in scores.errors]
    if not good:
        raise DataError(f"none of the {len(chosen)} photos could be read; the first: {scores.errors[0]}")
    records = chosen.like(chosen[index] for index in good)
    labels = np.array(records.labels, dtype=np.int64)
    counts = {split: len(records.of_split(split)) for split in ("test", "val", "train")}
    words = " and ".join(f"{count:,} {split}" for split, count in counts.items() if count)
    return Asked(records, scores.probabilities[good], labels, f"{words} photos", bool(counts["train"]))


def evenly_by_class(records: RecordList, per_class: int) -> RecordList:
    """At most so many photos of each class, spread evenly over its photos in their order."""
    labels = np.array(records.labels, dtype=np.int64)
    chosen = []
    for label in np.unique(labels):
        positions = np.flatnonzero(labels == label)
        count = min(per_class, len(positions))
        chosen.append(positions[np.linspace(0, len(positions) - 1, count).round().astype(int)])
    return records.like(records[index] for index in np.sort(np.concatenate(chosen))) if chosen else records
