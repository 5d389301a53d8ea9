"""How far the headline numbers may be chance: 95 % intervals by formula and by bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Floats, Ints
from fieldmark.evaluation.metrics import wilson_interval

__all__ = ["Interval", "bootstrap_interval", "class_means", "macro_f1", "proportion"]


DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float


def proportion(hits: int, total: int) -> Interval:
    """A share of photos, with Wilson's interval; of no photos, 0 between 0 and 1."""
    return Interval(hits / total if total else 0.0, *wilson_interval(hits, total))


def bootstrap_interval(
    figure: Callable[[NDArray[np.float64]], float], count: int, *, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """Percentile interval of a figure over photos that are drawn with replacement.

    Args:
        figure: How often each photo was drawn, (n,), to the number.
        count: n.
        draws: How many.
        seed: Of the draws.
    """
    generator = np.random.default_rng(seed)
    even = np.full(count, 1 / count)
    values = [figure(generator.multinomial(count, even).astype(np.float64)) for _ in range(draws)]
    low, high = np.quantile(values, (0.025, 0.975))
    return Interval(figure(np.ones(count)), float(low), float(high))


def class_means(values: Floats, labels: Ints) -> Callable[[NDArray[np.float64]], float]:
    """Mean over classes of a value's mean over their photos, such as mean class accuracy from hits (n,).

    Classes of which no photo was drawn are passed over.
    """
    _, which = np.unique(labels, return_inverse=True)

    def figure(times: NDArray[np.float64]) -> float:
        photos = np.bincount(which, weights=times)
        sums = np.bincount(which, weights=times * values)
        return float((sums[photos > 0] / photos[photos > 0]).mean())

    return figure


def macro_f1(predicted: Ints, labels: Ints) -> Callable[[NDArray[np.float64]], float]:
    """Macro-F1 over the classes that occur in `labels` and were drawn."""
    present = np.unique(labels)
    size = int(max(labels.max(), predicted.max())) + 1

    def figure(times: NDArray[np.float64]) -> float:
        hits = np.bincount(labels, weights=times * (predicted == labels), minlength=size)[present]
        true = np.bincount(labels, weights=times, minlength=size)[present]
        called = np.bincount(predicted, weights=times, minlength=size)[present]
        drawn = true > 0
        return float((2 * hits[drawn] / (true[drawn] + called[drawn])).mean())

    return figure
