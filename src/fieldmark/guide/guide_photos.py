"""The photos of a field guide: training photos, and held-out photos with the model's predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fieldmark.arrays import Floats
from fieldmark.errors import DataError
from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.evaluation.read_source import read_source
from fieldmark.evaluation.recorded_split import content_keys, of_split
from fieldmark.guide.guide_texts import GuideTexts
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import RecordList, Split

__all__ = ["GuidePhotos", "PredictedPhotos", "evenly_by_class", "guide_photos", "predict_photos"]

_SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class GuidePhotos:
    """Photos with labels of the recognizer's classes.

    Attributes:
        train: Photos that the model learned from: its train split, and its val split where it learned from both.
        held_out: Photos in its val and test splits. Val photos that it learned from are predicted out of folds.
    """

    train: RecordList
    held_out: RecordList

    def to_test(self, test: bool) -> RecordList:
        """Return val photos, with test photos if `test` is set or if no photo is the model's own.

        Without held-out photos, return training photos.
        """
        if test or not self.train:
            return self.held_out or self.train
        return self.held_out.of_split("val") or self.train


@dataclass(frozen=True, slots=True)
class PredictedPhotos:
    """Photos with the model's predictions.

    Attributes:
        records: n readable photos.
        predictions: Of these photos.
        counts: Split -> number of photos, for ``test``, ``val`` and ``train``.
        cross_validated: Whether the val photos are predicted by heads that did not learn from them.
    """

    records: RecordList
    predictions: Predictions
    counts: Mapping[str, int]
    cross_validated: bool

    @property
    def trained_on(self) -> bool:
        """Whether the model was trained on them, because there are no others."""
        return bool(self.counts.get("train"))

    def described(self, texts: GuideTexts) -> str:
        """Return how many photos of which splits they are."""
        parts = [(count, texts(split)) for split, count in self.counts.items() if count]
        if len(parts) == 1:
            words = texts("photos", count=parts[0][0], split=parts[0][1])
        else:
            (first, first_split), (second, second_split) = parts
            words = texts("two_photos", first=first, first_split=first_split, second=second, second_split=second_split)
        if not self.cross_validated:
            return words
        return texts("val_cross_validated" if self.counts.get("test") else "cross_validated", photos=words)

    @property
    def top1(self) -> float:
        return float(self.predictions.correct.mean())


def guide_photos(recognizer: Predictor, data: str | Path | RecordList | None) -> GuidePhotos:
    """Return the photos of the model's classes, in the splits of the fit or, for other data, in their own splits.

    Raises:
        DataError: The photos are missing, or none is of the model's classes.
    """
    records = read_source(recognizer, data)
    source = records.root or "the records"
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
    held_out = everything.like(record for record in everything if record.split != "train")
    learned = recognizer.manifest.data.learned
    return GuidePhotos(everything.like(record for record in everything if record.split in learned), held_out)


def predict_photos(recognizer: Predictor, photos: RecordList, per_class: int) -> PredictedPhotos:
    """Predict labelled photos.

    Args:
        recognizer: The recognizer.
        photos: Each with its split.
        per_class: Largest number of photos of each class.

    Raises:
        DataError: None of them can be read.
    """
    chosen = evenly_by_class(photos, per_class)
    known = _out_of_fold(recognizer, chosen)
    unknown = [index for index in range(len(chosen)) if index not in known]
    scores = recognizer.scores(chosen.like(chosen[index] for index in unknown), "predicting")
    rows = {index: scores.probabilities[row] for row, index in enumerate(unknown) if row not in scores.errors} | known
    if not rows:
        raise DataError(f"none of the {len(chosen)} photos could be read; the first: {scores.errors[0]}")
    good = sorted(rows)
    records = chosen.like(chosen[index] for index in good)
    labels = np.array(records.labels, dtype=np.int64)
    counts = {split: len(records.of_split(split)) for split in ("test", "val", "train")}
    return PredictedPhotos(records, Predictions(np.stack([rows[index] for index in good]), labels), counts, bool(known))


def _out_of_fold(recognizer: Predictor, photos: RecordList) -> dict[int, Floats]:
    """Position -> probabilities (K,) of val photos by heads that did not learn from them; the model keeps these.

    Empty where the model did not learn from val.
    """
    if "val" not in recognizer.manifest.data.learned:
        return {}
    kept = recognizer.out_of_fold()
    found = {}
    for position, (record, key) in enumerate(zip(photos, content_keys(photos), strict=True)):
        if record.split == "val" and key in kept:
            row = np.zeros(len(recognizer.classes), dtype=np.float32)  # enrolled classes are not among those of the fit
            row[: len(kept[key])] = kept[key]
            found[position] = row
    return found


def evenly_by_class(records: RecordList, per_class: int) -> RecordList:
    """Return at most `per_class` photos of each class, spread evenly over its photos."""
    labels = np.array(records.labels, dtype=np.int64)
    chosen = []
    for label in np.unique(labels):
        positions = np.flatnonzero(labels == label)
        count = min(per_class, len(positions))
        chosen.append(positions[np.linspace(0, len(positions) - 1, count).round().astype(int)])
    return records.like(records[index] for index in np.sort(np.concatenate(chosen))) if chosen else records
