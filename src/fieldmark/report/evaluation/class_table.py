"""The table of classes in an evaluation page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.evaluation.intervals import Interval, proportion
from fieldmark.evaluation.labelled_predictions import Predictions

__all__ = ["ClassRow", "class_rows"]


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class.

    Attributes:
        name: The class.
        photos: Its photos.
        accuracy: Share that is predicted correctly.
        confused_with: What its other photos are predicted as, with counts, the most frequent first.
        set_coverage: Share of its prediction sets that contain it; None without sets.
    """

    name: str
    photos: int
    accuracy: Interval
    confused_with: tuple[tuple[str, int], ...]
    set_coverage: float | None


def class_rows(
    predictions: Predictions, classes: Sequence[str], set_coverage: Mapping[str, float], *, named: int = 3
) -> list[ClassRow]:
    """Return a row for each class that has photos, the lowest accuracy first."""
    rows = []
    for label in np.unique(predictions.labels):
        predicted = predictions.predicted[predictions.labels == label]
        others, counts = np.unique(predicted[predicted != label], return_counts=True)
        order = np.argsort(-counts, kind="stable")[:named]
        confused = tuple((classes[others[index]], int(counts[index])) for index in order)
        accuracy = proportion(int((predicted == label).sum()), len(predicted))
        rows.append(ClassRow(classes[label], len(predicted), accuracy, confused, set_coverage.get(classes[label])))
    return sorted(rows, key=lambda row: (row.accuracy.value, -row.photos, row.name))
