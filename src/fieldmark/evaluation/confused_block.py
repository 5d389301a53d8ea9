"""Which classes a confusion matrix shows, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fieldmark.arrays import Ints
from fieldmark.evaluation.labelled_predictions import Predictions

__all__ = ["confusion_counts", "mistakes_within", "most_confused_block"]

_MAX_CLASSES = 24
_BLOCK = 20
_LEAST_BLOCK = 4


def most_confused_block(predictions: Predictions, num_classes: int) -> list[int]:
    """Choose the classes of a confusion matrix.

    Up to 24 classes: all that have photos or predictions, in their order. More: classes are added pair by pair, the
    pair with the most mistakes in both directions first, until 20 are chosen; they are ordered so that classes that
    are confused with each other stand side by side (average linkage with optimal leaf ordering).
    """
    present = np.unique(np.concatenate([predictions.labels, predictions.predicted]))
    if len(present) <= _MAX_CLASSES:
        return [int(label) for label in present]
    wrong = ~predictions.correct
    pairs = np.sort(np.stack([predictions.labels[wrong], predictions.predicted[wrong]], axis=1), axis=1)
    kinds, counts = np.unique(pairs, axis=0, return_counts=True)
    chosen: dict[int, None] = {}
    for place in np.argsort(-counts, kind="stable"):
        both = [int(label) for label in kinds[place]]
        if len(chosen.keys() | set(both)) <= _BLOCK:
            chosen.update(dict.fromkeys(both))
    if len(chosen) < _LEAST_BLOCK:  # too few mistakes for a block: fill up with the classes that have most photos
        photos = np.bincount(predictions.labels, minlength=num_classes)
        chosen.update(dict.fromkeys(int(label) for label in np.argsort(-photos, kind="stable")[:_LEAST_BLOCK]))
    return _side_by_side(predictions, list(chosen))


def _side_by_side(predictions: Predictions, labels: Sequence[int]) -> list[int]:
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
    from scipy.spatial.distance import squareform

    mistakes = confusion_counts(predictions, labels)
    mistakes = mistakes + mistakes.T
    distances = 1.0 / (1.0 + mistakes)
    np.fill_diagonal(distances, 0.0)
    condensed = squareform(distances, checks=False)
    order = leaves_list(optimal_leaf_ordering(linkage(condensed, "average"), condensed))
    return [labels[int(place)] for place in order]


def confusion_counts(predictions: Predictions, labels: Sequence[int]) -> Ints:
    """Return how many photos of one label are predicted as another, (m, m) for m labels in their order."""
    place = {label: index for index, label in enumerate(labels)}
    matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for label, predicted in zip(predictions.labels.tolist(), predictions.predicted.tolist(), strict=True):
        if label in place and predicted in place:
            matrix[place[label], place[predicted]] += 1
    return matrix


def mistakes_within(predictions: Predictions, labels: Sequence[int]) -> int:
    """Return how many mistakes confuse two of these labels."""
    counts = confusion_counts(predictions, labels)
    return int(counts.sum() - np.trace(counts))
