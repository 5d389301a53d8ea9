"""Find look-alikes: classes that the model confuses or nearly confuses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Floats, Ints
from fieldmark.evaluation.labelled_predictions import Predictions

__all__ = ["LookAlikes", "find_look_alikes"]

NAMED = 3
"""Number of look-alikes for each class."""

FAINT = 0.01
"""A class with a lower mean probability is no look-alike, unless it is the nearest one."""


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """Two similar classes, the one that is mistaken for the other more often first.

    Attributes:
        first: A label.
        second: Another label.
        likeness: Mean probability of the other class on photos of one class, averaged over both directions.
        first_photos: Tested photos of the first class.
        second_photos: Tested photos of the second class.
        first_as_second: Photos of the first class that are predicted as the second.
        second_as_first: Photos of the second class that are predicted as the first.
    """

    first: int
    second: int
    likeness: float
    first_photos: int
    second_photos: int
    first_as_second: int
    second_as_first: int

    @property
    def mistaken(self) -> int:
        return self.first_as_second + self.second_as_first

    @property
    def photos(self) -> int:
        return self.first_photos + self.second_photos

    def other(self, label: int) -> int:
        return self.second if label == self.first else self.first

    def called(self, label: int) -> int:
        """Return how many photos of `label` are predicted as the other class."""
        return self.first_as_second if label == self.first else self.second_as_first


def find_look_alikes(predictions: Predictions) -> list[LookAlikes]:
    """Return each class with its nearest look-alikes, the most alike pair first.

    Probabilities say more than mistakes: a class that comes close on many photos is a look-alike even if it is never
    predicted.
    """
    likeness, photos = _likeness(predictions.probabilities, predictions.labels)
    confusion = np.zeros_like(likeness, dtype=np.int64)
    np.add.at(confusion, (predictions.labels, predictions.predicted), 1)
    chosen = set()
    for label in np.flatnonzero(photos):
        order = np.argsort(-likeness[label], kind="stable")[:NAMED]
        for rank, other in enumerate(order):
            if likeness[label, other] >= FAINT or (rank == 0 and likeness[label, other] > 0):
                chosen.add((min(int(label), int(other)), max(int(label), int(other))))
    pairs = [_pair(one, other, likeness, confusion, photos) for one, other in chosen]
    return sorted(pairs, key=lambda pair: (-pair.likeness, pair.first, pair.second))


def _likeness(probabilities: Floats, labels: Ints) -> tuple[Floats, Ints]:
    """(K, K) mean probability of the other class, averaged over the directions with photos; (K,) photo counts."""
    size = probabilities.shape[1]
    photos = np.bincount(labels, minlength=size)
    sums = np.zeros((size, size))
    np.add.at(sums, labels, probabilities)
    means = sums / np.maximum(photos, 1)[:, None]
    ways = np.maximum((photos > 0).astype(int)[:, None] + (photos > 0), 1)
    likeness = (means + means.T) / ways
    np.fill_diagonal(likeness, 0.0)
    return likeness, photos


def _pair(one: int, other: int, likeness: Floats, confusion: Ints, photos: Ints) -> LookAlikes:
    first, second = (one, other) if confusion[one, other] >= confusion[other, one] else (other, one)
    return LookAlikes(
        first,
        second,
        float(likeness[one, other]),
        int(photos[first]),
        int(photos[second]),
        int(confusion[first, second]),
        int(confusion[second, first]),
    )
