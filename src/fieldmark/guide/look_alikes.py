"""Which classes are taken for each other, or nearly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Floats
from fieldmark.guide.guide_photos import Asked

__all__ = ["Pair", "find_pairs"]


NAMED = 3
"""Look-alikes of a class that are looked for."""

FAINT = 0.01
"""Mean probability below which a class is no look-alike, unless it is the nearest of all."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two look-alikes, the one that is mistaken more often first.

    Attributes:
        first: A label.
        second: Another label.
        likeness: Mean probability that photos of the one give the other, averaged over both ways.
        first_photos: Photos of the first class that were asked about.
        second_photos: And of the second.
        first_as_second: Photos of the first class that were called the second.
        second_as_first: The other way round.
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
        """Photos of that class that were called the other."""
        return self.first_as_second if label == self.first else self.second_as_first


def find_pairs(asked: Asked) -> list[Pair]:
    """Each class with its nearest look-alikes, the most alike first.

    Probabilities tell more than mistakes do: a class that comes close on many photos is a look-alike even where it
    never wins.
    """
    likeness, photos = _likeness(asked.probabilities, asked.labels)
    confusion = np.zeros_like(likeness, dtype=np.int64)
    np.add.at(confusion, (asked.labels, asked.predicted), 1)
    chosen = set()
    for label in np.flatnonzero(photos):
        order = np.argsort(-likeness[label], kind="stable")[:NAMED]
        for rank, other in enumerate(order):
            if likeness[label, other] >= FAINT or (rank == 0 and likeness[label, other] > 0):
                chosen.add((min(int(label), int(other)), max(int(label), int(other))))
    pairs = [_pair(one, other, likeness, confusion, photos) for one, other in chosen]
    return sorted(pairs, key=lambda pair: (-pair.likeness, pair.first, pair.second))


def _likeness(probabilities: Floats, labels: NDArray[np.int64]) -> tuple[Floats, NDArray[np.int64]]:
    """(K, K) mean probability of the other class, both ways averaged where both have photos; (K,) photos."""
    size = probabilities.shape[1]
    photos = np.bincount(labels, minlength=size)
    sums = np.zeros((size, size))
    np.add.at(sums, labels, probabilities)
    means = sums / np.maximum(photos, 1)[:, None]
    ways = np.maximum((photos > 0).astype(int)[:, None] + (photos > 0), 1)
    likeness = (means + means.T) / ways
    np.fill_diagonal(likeness, 0.0)
    return likeness, photos


def _pair(one: int, other: int, likeness: Floats, confusion: NDArray[np.int64], photos: NDArray[np.int64]) -> Pair:
    first, second = (one, other) if confusion[one, other] >= confusion[other, one] else (other, one)
    return Pair(
        first,
        second,
        float(likeness[one, other]),
        int(photos[first]),
        int(photos[second]),
        int(confusion[first, second]),
        int(confusion[second, first]),
    )
