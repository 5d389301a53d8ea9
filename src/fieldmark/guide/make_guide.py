"""Gather what a field guide shows: typical photos, look-alikes, what separates them, and advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fieldmark.errors import ModelError
from fieldmark.guide.advice import ClassCounts, advise
from fieldmark.guide.guide_photos import GuidePhotos, PredictedPhotos, evenly_by_class, guide_photos, predict_photos
from fieldmark.guide.guide_texts import GuideTexts, Language
from fieldmark.guide.look_alikes import LookAlikes, find_look_alikes
from fieldmark.guide.separating import Separation, separate
from fieldmark.guide.sides import side_table
from fieldmark.guide.typical import medoids
from fieldmark.progress import track
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import Record, RecordList

__all__ = ["Guide", "GuideOptions", "make_guide"]

_SEARCHED = (40, 500)  # photos of a class among which the typical ones are chosen, and of all classes
_TESTED = (100, 1000)  # photos of a class that the model predicts, and of all classes
_LEAST = 5  # of a class, however many classes there are
_TYPICAL = 4
_MANY_CLASSES = 300


@dataclass(frozen=True, slots=True)
class GuideOptions:
    """What a guide shows.

    Attributes:
        pairs: Number of look-alike pairs with photos, the most alike first.
        photos: Photos of each class of a pair that are explained.
        max_bytes: Limit for all pictures of the page.
        test: Whether to use test photos too. By default the test split stays closed.
        lang: Language of all texts.
    """

    pairs: int = 10
    photos: int = 3
    max_bytes: int = 24_000_000
    test: bool = False
    lang: Language = "en"


@dataclass(frozen=True, slots=True)
class Guide:
    """The content of a field guide.

    Attributes:
        tested: Photos with the model's predictions.
        typical: Typical photos of each class, by label; the medoid first.
        pairs: All look-alikes, the most alike first.
        separations: What separates the first of these pairs.
        counts: Photo counts, by label.
        advice: Advice on collecting photos, by label.
        taxonomy: Class -> names of its ancestors, coarsest first.
    """

    tested: PredictedPhotos
    typical: tuple[tuple[Record, ...], ...]
    pairs: tuple[LookAlikes, ...]
    separations: tuple[Separation, ...]
    counts: tuple[ClassCounts, ...]
    advice: tuple[tuple[str, ...], ...]
    taxonomy: Mapping[str, Sequence[str]] = field(default_factory=dict)


def make_guide(recognizer: Predictor, data: str | Path | RecordList | None, options: GuideOptions) -> Guide:
    """Gather the content of a field guide.

    Args:
        recognizer: A recognizer from a model folder; an exported file has no layers to explain.
        data: Photos of its classes; by default those that it was made from.
        options: What the guide shows.

    Raises:
        DataError: The photos are missing, or none is of the model's classes.
        ModelError: The model is an exported file.
    """
    if recognizer.is_exported:
        raise ModelError(f"{recognizer.path} is an exported file, which cannot be explained; name the model folder")
    photos, classes = guide_photos(recognizer, data), len(recognizer.classes)
    tested = predict_photos(recognizer, photos.to_test(options.test), _per_class(_TESTED, classes))
    typical = _typical(recognizer, photos)
    pairs = find_look_alikes(tested.predictions)
    shown = pairs[: options.pairs]
    work = track(shown, "explaining look-alikes", len(shown))
    separations = tuple(separate(recognizer, tested, typical, pair, options.photos) for pair in work)
    counts = _counts(recognizer, photos, tested)
    advice = _advice(counts, pairs, tested, GuideTexts(options.lang))
    return Guide(tested, typical, tuple(pairs), separations, counts, advice, recognizer.manifest.taxonomy)


def _typical(recognizer: Predictor, photos: GuidePhotos) -> tuple[tuple[Record, ...], ...]:
    """Medoids of each class's training photos, or of its other photos if it has none."""
    classes = recognizer.classes
    trained = set(photos.train.labels)
    pool = [*photos.train, *(record for record in photos.held_out if record.label not in trained)]
    records = evenly_by_class(photos.train.like(pool), _per_class(_SEARCHED, len(classes)))
    vectors = recognizer.embeddings(records, "choosing typical photos").vectors
    labels = np.array(records.labels, dtype=np.int64)
    count = max(1, min(_TYPICAL, _TYPICAL * _MANY_CLASSES // len(classes)))
    found = []
    for label in range(len(classes)):
        rows = np.flatnonzero(labels == label)
        found.append(tuple(records[int(rows[place])] for place in medoids(vectors[rows], count)))
    return tuple(found)


def _counts(recognizer: Predictor, photos: GuidePhotos, tested: PredictedPhotos) -> tuple[ClassCounts, ...]:
    trained = np.bincount(np.array(photos.train.labels, dtype=np.int64), minlength=len(recognizer.classes))
    correct = tested.predictions.correct
    counts = []
    for label, name in enumerate(recognizer.classes):
        rows = np.flatnonzero(tested.predictions.labels == label)
        sides = side_table([tested.records[int(row)] for row in rows], [bool(correct[row]) for row in rows])
        counts.append(ClassCounts(name, int(trained[label]), len(rows), int(correct[rows].sum()), sides))
    return tuple(counts)


def _per_class(limits: tuple[int, int], classes: int) -> int:
    """Photos of each class, under a limit for a class and one for all classes together."""
    each, together = limits
    return max(_LEAST, min(each, together // classes))


def _advice(
    counts: Sequence[ClassCounts], pairs: Sequence[LookAlikes], tested: PredictedPhotos, texts: GuideTexts
) -> tuple[tuple[str, ...], ...]:
    """Advice for each class. Predictions on training photos give none, because they are too good."""
    trained = [one.trained for one in counts if one.trained]
    median = float(np.median(trained)) if trained else 0.0
    top1 = 0.0 if tested.trained_on else tested.top1
    found = []
    for label in range(len(counts)):
        own = [pair for pair in pairs if label in (pair.first, pair.second) and not tested.trained_on]
        found.append(tuple(advise(label, counts, own, median=median, top1=top1, texts=texts)))
    return tuple(found)
