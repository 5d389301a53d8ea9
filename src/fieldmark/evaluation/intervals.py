"""95% confidence intervals of the headline numbers, by Wilson's formula and by bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Float64s, Floats, Ints

__all__ = ["Interval", "bootstrap_interval", "class_means", "macro_f1", "proportion"]

DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with its 95% interval."""

    value: float
    low: float
    high: float


def proportion(hits: int, total: int) -> Interval:
    """A proportion with its Wilson interval; 0 between 0 and 1 if `total` is 0.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference" (JASA 1927).
    """
    from scipy.stats import binomtest

    if not total:
        return Interval(0.0, 0.0, 1.0)
    bounds = binomtest(hits, total).proportion_ci(0.95, method="wilson")
    return Interval(hits / total, float(bounds.low), float(bounds.high))


def bootstrap_interval(
    figure: Callable[[Float64s], float], count: int, *, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """Percentile bootstrap interval of a figure over photos.

    Args:
        figure: Takes how often each photo was drawn, (n,), and returns the figure.
        count: n.
        draws: Number of draws.
        seed: Seed of the draws.
    """
    generator = np.random.default_rng(seed)
    even = np.full(count, 1 / count)
    values = [figure(generator.multinomial(count, even).astype(np.float64)) for _ in range(draws)]
    low, high = np.quantile(values, (0.025, 0.975))
    return Interval(figure(np.ones(count)), float(low), float(high))


def class_means(values: Floats, labels: Ints) -> Callable[[Float64s], float]:
    """A figure for `bootstrap_interval`: the mean over classes of the mean over their photos.

    With hits (n,) it is the mean class accuracy. Classes without a drawn photo are left out.
    """
    _, which = np.unique(labels, return_inverse=True)

    def figure(times: Float64s) -> float:
        photos = np.bincount(which, weights=times)
        sums = np.bincount(which, weights=times * values)
        return float((sums[photos > 0] / photos[photos > 0]).mean())

    return figure


def macro_f1(predicted: Ints, labels: Ints) -> Callable[[Float64s], float]:
    """A figure for `bootstrap_interval`: macro F1 over the classes in `labels` that were drawn."""
    present = np.unique(labels)
    size = int(max(labels.max(), predicted.max())) + 1

    def figure(times: Float64s) -> float:
        hits = np.bincount(labels, weights=times * (predicted == labels), minlength=size)[present]
        true = np.bincount(labels, weights=times, minlength=size)[present]
        called = np.bincount(predicted, weights=times, minlength=size)[present]
        drawn = true > 0
        return float((2 * hits[drawn] / (true[drawn] + called[drawn])).mean())

    return figure
