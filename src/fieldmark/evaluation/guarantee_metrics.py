"""Measure whether prediction sets and back-off keep their promised coverage and accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fieldmark.arrays import Bools, Floats, Ints
from fieldmark.uncertainty.backoff import answer_levels
from fieldmark.uncertainty.guarantees import Guarantees

__all__ = ["BackOff", "RankShare", "SizeShare", "back_off_figures", "set_figures"]

_SIZES = ((1, 1), (2, 3), (4, 6), (7, 10), (11, 10**9))


@dataclass(frozen=True, slots=True)
class SizeShare:
    """Prediction sets in one range of sizes.

    Attributes:
        smallest: Smallest size among them.
        largest: Largest size among them.
        sets: Number of sets.
        coverage: Share of them that contain the true class.
    """

    smallest: int
    largest: int
    sets: int
    coverage: float


@dataclass(frozen=True, slots=True)
class RankShare:
    """Answers at one rank.

    Attributes:
        rank: ``class``, or a taxonomic rank.
        share: Share of all photos.
        right: Share of these answers that are correct at this rank; None without answers.
    """

    rank: str
    share: float
    right: float | None


@dataclass(frozen=True, slots=True)
class BackOff:
    """Accuracy of answers that back off to a rank at which the model is certain enough.

    Attributes:
        wanted: Target accuracy.
        vouched: Whether the calibration set is large enough to support the target.
        threshold: Smallest probability at which an answer is accepted.
        answered: Share of photos with an answer at any rank.
        right: Share of answers that are correct at their rank; None without answers.
        by_rank: The most specific rank first.
    """

    wanted: float
    vouched: bool
    threshold: float
    answered: float
    right: float | None
    by_rank: tuple[RankShare, ...]


def back_off_figures(guarantees: Guarantees, probabilities: Floats, labels: Ints, target_accuracy: float) -> BackOff:
    """Back off with probabilities (n, K) and measure the answers against labels (n,)."""
    threshold, supported = guarantees.threshold(target_accuracy)
    levels = answer_levels(guarantees.hierarchy.path(probabilities), threshold)
    correct = guarantees.hierarchy.distance(probabilities.argmax(1), labels) <= levels
    answered = levels < len(guarantees.hierarchy.levels)
    by_rank = tuple(
        RankShare(rank, float((levels == level).mean()), _share(correct[levels == level]))
        for level, rank in enumerate(guarantees.hierarchy.levels)
    )
    return BackOff(target_accuracy, supported, threshold, float(answered.mean()), _share(correct[answered]), by_rank)


def set_figures(sets: Bools, labels: Ints, classes: Sequence[str]) -> dict[str, Any]:
    """Coverage and size of prediction sets (n, K) as fields of `Metrics`."""
    held, sizes = sets[np.arange(len(labels)), labels], sets.sum(1)
    by_size = []
    for low, high in _SIZES:
        inside = (sizes >= low) & (sizes <= high)
        if inside.any():
            span = int(sizes[inside].min()), int(sizes[inside].max())
            by_size.append(SizeShare(*span, int(inside.sum()), float(held[inside].mean())))
    by_class = {classes[label]: float(held[labels == label].mean()) for label in np.unique(labels)}
    return {
        "set_coverage": float(held.mean()),
        "set_macro_coverage": float(np.mean(list(by_class.values()))),
        "set_size": float(sizes.mean()),
        "set_coverage_by_class": by_class,
        "set_coverage_by_size": tuple(by_size),
        "set_size_by_class": {classes[label]: float(sizes[labels == label].mean()) for label in np.unique(labels)},
    }


def _share(correct: Bools) -> float | None:
    return float(correct.mean()) if len(correct) else None
