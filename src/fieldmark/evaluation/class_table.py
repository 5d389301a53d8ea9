"""Figures of every class: recall with its interval, precision, F1, prediction sets, and what it is confused with."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fieldmark.atomic import atomic_file
from fieldmark.evaluation.intervals import Interval, proportion
from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.evaluation.metrics import Metrics

__all__ = ["COLUMNS", "ClassRow", "class_rows", "write_class_table"]

COLUMNS = (
    *("class", "photos", "correct", "recall", "recall_low", "recall_high", "predicted", "precision", "f1"),
    *("set_coverage", "set_size", "most_confused_with", "confused_photos"),
)


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class. All shares are fractions.

    Attributes:
        name: The class.
        photos: Number of its photos.
        correct: Number of its photos that are predicted correctly.
        predicted: Number of photos, of any class, that are predicted as it.
        recall: `correct` / `photos` with its 95% Wilson interval.
        confused_with: What its other photos are predicted as, with counts, the most frequent first.
        set_coverage: Share of its prediction sets that contain it; None without sets or without photos.
        set_size: Mean size of its prediction sets; None as for `set_coverage`.
    """

    name: str
    photos: int
    correct: int
    predicted: int
    recall: Interval
    confused_with: tuple[tuple[str, int], ...]
    set_coverage: float | None
    set_size: float | None

    @property
    def precision(self) -> float | None:
        """`correct` / `predicted`; None if no photo is predicted as the class."""
        return self.correct / self.predicted if self.predicted else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None for a class without photos that nothing is predicted as."""
        total = self.photos + self.predicted
        return 2 * self.correct / total if total else None


def class_rows(
    predictions: Predictions, classes: Sequence[str], metrics: Metrics | None = None, *, named: int = 3
) -> list[ClassRow]:
    """Return a row for every class, in the order of `classes`.

    Args:
        predictions: Of readable photos.
        classes: K names.
        metrics: Of the same photos, for the prediction sets.
        named: Number of confused classes in a row.
    """
    called = np.bincount(predictions.predicted, minlength=len(classes))
    coverage = {} if metrics is None else metrics.set_coverage_by_class
    size = {} if metrics is None else metrics.set_size_by_class
    by_label = np.argsort(predictions.labels, kind="stable")
    bounds = np.searchsorted(predictions.labels[by_label], np.arange(len(classes) + 1))
    rows = []
    for label, name in enumerate(classes):
        predicted = predictions.predicted[by_label[bounds[label] : bounds[label + 1]]]
        others, counts = np.unique(predicted[predicted != label], return_counts=True)
        order = np.argsort(-counts, kind="stable")[:named]
        confused = tuple((classes[others[index]], int(counts[index])) for index in order)
        photos, correct = len(predicted), int((predicted == label).sum())
        recall = proportion(correct, photos)
        shares = coverage.get(name), size.get(name)
        rows.append(ClassRow(name, photos, correct, int(called[label]), recall, confused, *shares))
    return rows


def write_class_table(rows: Sequence[ClassRow], out: Path) -> None:
    """Write a CSV with one line for each class. A figure that does not exist is an empty cell."""
    with atomic_file(out) as draft, draft.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in rows:
            recall = (row.recall.value, row.recall.low, row.recall.high) if row.photos else (None, None, None)
            rival, count = row.confused_with[0] if row.confused_with else ("", "")
            sets = (row.set_coverage, row.set_size)
            writer.writerow(
                (
                    *(row.name, row.photos, row.correct, *map(_text, recall)),
                    *(row.predicted, _text(row.precision), _text(row.f1), *map(_text, sets), rival, count),
                )
            )


def _text(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.6f}"
