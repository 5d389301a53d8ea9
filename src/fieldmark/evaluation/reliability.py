"""Accuracy against confidence, and coverage of prediction sets against its target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldmark.evaluation.intervals import Interval, proportion
from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.uncertainty.guarantees import Guarantees

__all__ = ["Bin", "CoverageLevel", "coverage_levels", "reliability_bins"]

BINS = 15
_LEVELS = (0.8, 0.9, 0.95, 0.98)


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions in one range of confidence.

    Attributes:
        confidence: Their mean confidence.
        accuracy: Share that is correct, with its 95% Wilson interval.
        photos: Their number.
    """

    confidence: float
    accuracy: Interval
    photos: int


@dataclass(frozen=True, slots=True)
class CoverageLevel:
    """Prediction sets at one target coverage.

    Attributes:
        target: Target coverage.
        coverage: Share of sets that contain the true class.
        size: Mean number of classes in a set.
    """

    target: float
    coverage: Interval
    size: float


def reliability_bins(predictions: Predictions, bins: int = BINS) -> list[Bin]:
    """Return the bins of the expected calibration error that contain photos, by rising confidence."""
    which = np.minimum((predictions.confidence * bins).astype(int), bins - 1)
    found = []
    for index in np.unique(which):
        inside = which == index
        accuracy = proportion(int(predictions.correct[inside].sum()), int(inside.sum()))
        found.append(Bin(float(predictions.confidence[inside].mean()), accuracy, int(inside.sum())))
    return found


def coverage_levels(predictions: Predictions, guarantees: Guarantees) -> list[CoverageLevel]:
    """Measure prediction sets at each target coverage that the calibration set is large enough for."""
    rows = np.arange(len(predictions))
    levels = []
    for target in sorted({*_LEVELS, guarantees.coverage}):
        sets = guarantees.sets(predictions.probabilities, target)
        if sets is not None:
            held = sets[rows, predictions.labels]
            size = float(sets.sum(1).mean())
            levels.append(CoverageLevel(target, proportion(int(held.sum()), len(held)), size))
    return levels
