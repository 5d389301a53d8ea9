"""Learning curve: accuracy against the number of photos, by cross-validation, and what more photos would gain."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fieldmark.arrays import Bools, Float32s, Float64s, Ints
from fieldmark.evaluation.intervals import Interval
from fieldmark.evaluation.power_law import (
    EXPONENT,
    EXPONENT_SPREAD,
    PowerLaw,
    fit_amplitudes,
    fit_power_law,
)
from fieldmark.progress import track

__all__ = [
    "ClassGain",
    "CurvePoint",
    "CurveTable",
    "LearningCurve",
    "extrapolate",
    "fit_and_predict",
    "learning_curve",
    "measure_curve",
]

FRACTIONS = (0.1, 0.2, 0.4, 0.6, 0.8)
"""Shares of all photos that a head is fitted on; five folds leave at most 0.8."""

FOLDS = 5
_C = 15.0  # what frozen heads start from, see `C_GRID`
_DRAWS = 400
_CLASS_PRIOR = 10.0
"""A class's own curve counts as much as that many photos on the overall curve, scaled to the class."""


@dataclass(frozen=True, slots=True)
class CurveTable:
    """Which photos were predicted correctly by heads that did not see them.

    Attributes:
        sizes: (m,) share of all photos that the heads were fitted on.
        class_sizes: (m, K) the same for each class.
        correct: (m, N) whether each photo was predicted correctly; between 0 and 1 for several repeats.
        predicted: (N,) classes that the heads of the largest share predicted.
    """

    sizes: Float64s
    class_sizes: Float64s
    correct: Float64s
    predicted: Ints


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Accuracy of heads that were fitted on some of the photos.

    Attributes:
        photos_per_class: Mean number of photos of a class.
        accuracy: With its 95% interval.
        measured: Whether it was measured; otherwise it is extrapolated.
    """

    photos_per_class: float
    accuracy: Interval
    measured: bool


@dataclass(frozen=True, slots=True)
class ClassGain:
    """What twice the photos of every class would gain for one class.

    Attributes:
        label: The class.
        photos: Number of its photos.
        accuracy: Share of its photos that were predicted correctly by heads from 80% of the photos.
        gain: Expected change of that share, with its 95% interval.
    """

    label: str
    photos: int
    accuracy: float
    gain: Interval


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Accuracy against the number of photos.

    Attributes:
        points: Measured points, then the extrapolations to all photos and to twice as many.
        gain: Expected change of the accuracy from all photos to twice as many, with its 95% interval.
        exponent: Of the fitted power law.
        floor: Error of the power law with infinitely many photos.
        by_class: One for each class, the largest gain first.
    """

    points: tuple[CurvePoint, ...]
    gain: Interval
    exponent: float
    floor: float
    by_class: tuple[ClassGain, ...]

    @property
    def now(self) -> CurvePoint:
        """The accuracy with all photos, extrapolated from 80% of them."""
        return self.points[-2]

    @property
    def doubled(self) -> CurvePoint:
        """The accuracy with twice the photos, extrapolated."""
        return self.points[-1]

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``advise --json`` prints."""
        return asdict(self)


def learning_curve(
    features: Float32s, labels: Ints, groups: Ints, classes: Sequence[str], *, seed: int = 0
) -> tuple[LearningCurve, CurveTable]:
    """Measure the learning curve of a linear head on frozen features, and extrapolate it.

    The error is fitted as floor + scale * n ** exponent (`fit_power_law`), with an exponent near -0.5. Intervals are of
    a bootstrap over groups of photos that also draws the prior of the exponent. The curve of a class has the exponent
    of all; few photos of a class are filled up with the overall curve.

    Args:
        features: (N, D), finite.
        labels: (N,).
        groups: (N,) photos with equal numbers show the same moment and are never parted by a fold.
        classes: Names.
        seed: Of folds, subsets and draws.
    """
    table = measure_curve(features, labels, groups, seed=seed)
    return extrapolate(table, labels, groups, classes, seed=seed), table


def measure_curve(features: Float32s, labels: Ints, groups: Ints, *, seed: int = 0) -> CurveTable:
    """Fit heads on growing subsets of each training fold, and predict the photos of the fold left out."""
    from fieldmark.training.frozen.fold_numbers import fold_numbers

    count, num_classes = len(labels), int(labels.max()) + 1
    repeats = int(np.clip(1000 // count, 1, 3))
    sizes, correct = np.zeros((len(FRACTIONS), num_classes)), np.zeros((len(FRACTIONS), count))
    predicted = np.zeros(count, dtype=np.int64)
    rounds = [(repeat, fold) for repeat in range(repeats) for fold in range(FOLDS)]
    fold_of = [fold_numbers(labels, groups, FOLDS, seed + repeat) for repeat in range(repeats)]
    for repeat, fold in track(rounds, "measuring the learning curve"):
        held_out = fold_of[repeat] == fold
        order = _nested_order(labels, groups, ~held_out, seed + 1000 * repeat + fold)
        for step, fraction in enumerate(FRACTIONS):
            chosen = _first_of_each_class(order, labels, fraction)
            answers = fit_and_predict(features[chosen], labels[chosen], features[held_out])
            correct[step, held_out] += answers == labels[held_out]
            sizes[step] += np.bincount(labels[chosen], minlength=num_classes)
            if step == len(FRACTIONS) - 1:
                predicted[held_out] = answers
    totals = np.maximum(np.bincount(labels, minlength=num_classes), 1)
    mean_counts = sizes / len(rounds)
    return CurveTable(mean_counts.sum(1) / count, mean_counts / totals, correct / repeats, predicted)


def extrapolate(
    table: CurveTable, labels: Ints, groups: Ints, classes: Sequence[str], *, seed: int = 0
) -> LearningCurve:
    """Fit power laws to a measured curve; see `learning_curve`."""
    generator = np.random.default_rng(seed)
    weights = _group_weights(groups, _DRAWS, generator)
    errors = 1.0 - (weights @ table.correct.T) / weights.sum(1, keepdims=True)
    inverse = len(labels) / np.maximum(errors * (1.0 - errors), 0.25 / len(labels))
    prior = generator.normal(EXPONENT, EXPONENT_SPREAD, len(weights))
    prior[0] = EXPONENT  # the first row is the estimate itself, from the photos as they are
    law = fit_power_law(table.sizes, errors, inverse, prior)
    per_class = len(labels) / len(np.unique(labels))
    measured = [
        CurvePoint(float(size * per_class), _interval(1.0 - errors[:, step]), True)
        for step, size in enumerate(table.sizes)
    ]
    beyond = [CurvePoint(size * per_class, _interval(1.0 - law(size)), False) for size in (1.0, 2.0)]
    return LearningCurve(
        points=(*measured, *beyond),
        gain=_interval(law(1.0) - law(2.0)),
        exponent=float(law.exponent[0]),
        floor=float(law.floor[0]),
        by_class=tuple(_by_class(table, labels, classes, weights, errors, law)),
    )


def _by_class(
    table: CurveTable, labels: Ints, classes: Sequence[str], weights: Float64s, errors: Float64s, law: PowerLaw
) -> list[ClassGain]:
    found = []
    for label in np.unique(labels):
        own = labels == label
        seen = weights[:, own].sum(1)
        wrong = weights[:, own] @ (1.0 - table.correct[:, own].T)
        usual = np.maximum(errors.mean(1), 1e-12)
        difficulty = (wrong.mean(1) + _CLASS_PRIOR * usual) / (seen + _CLASS_PRIOR) / usual
        scaled = np.clip(errors * difficulty[:, None], 0.0, 1.0)
        filled = (wrong + _CLASS_PRIOR * scaled) / (seen[:, None] + _CLASS_PRIOR)
        sizes = np.broadcast_to(np.maximum(table.class_sizes[:, label], 1e-9), filled.shape)
        own_law = fit_amplitudes(sizes, filled, np.ones_like(filled), law.exponent)
        accuracy = float(table.correct[-1, own].mean())
        found.append(ClassGain(classes[label], int(own.sum()), accuracy, _interval(own_law(1.0) - own_law(2.0))))
    return sorted(found, key=lambda one: -one.gain.value)


def _interval(draws: Float64s) -> Interval:
    """The estimate is the first value; the interval is of all."""
    low, high = np.quantile(draws, (0.025, 0.975))
    return Interval(float(draws[0]), float(min(low, draws[0])), float(max(high, draws[0])))


def _group_weights(groups: Ints, draws: int, generator: np.random.Generator) -> Float64s:
    """Return how often each photo is drawn, (1 + draws, N); groups are drawn as a whole, the first row is all ones."""
    _, which = np.unique(groups, return_inverse=True)
    count = int(which.max()) + 1
    times = generator.multinomial(count, np.full(count, 1.0 / count), size=draws)
    return np.concatenate([np.ones((1, len(groups))), times[:, which].astype(np.float64)])


def _nested_order(labels: Ints, groups: Ints, inside: Bools, seed: int) -> Ints:
    """Return the photos of a training fold in random order, those of one group together."""
    rows = np.flatnonzero(inside)
    names, which = np.unique(groups[rows], return_inverse=True)
    rank = np.random.default_rng(seed).permutation(len(names))
    return rows[np.argsort(rank[which], kind="stable")]


def _first_of_each_class(order: Ints, labels: Ints, fraction: float) -> Ints:
    """Return the first photos of each class, `fraction` of all its photos, at least one."""
    totals = np.bincount(labels)
    chosen = []
    for label in np.unique(labels[order]):
        own = order[labels[order] == label]
        chosen.append(own[: max(1, round(fraction * int(totals[label])))])
    return np.sort(np.concatenate(chosen))


def fit_and_predict(rows: Float32s, labels: Ints, others: Float32s) -> Ints:
    """Fit the softmax regression of frozen heads on rows (n, D), and return the classes of others (m, D)."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    if len(np.unique(labels)) < 2:
        return np.full(len(others), labels[0], dtype=np.int64)
    center = rows.mean(0)
    scale = np.float32(1.0 / np.sqrt(max(float(np.square(rows - center).sum(1).mean()), 1e-12)))
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # an early stop costs no accuracy that a curve would show
        head = LogisticRegression(C=_C, max_iter=60, tol=1e-3).fit((rows - center) * scale, labels)
        return np.asarray(head.predict((others - center) * scale), dtype=np.int64)
