"""Test whether one method beats another on the same photos: paired bootstrap and McNemar's exact test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Bools

__all__ = ["Difference", "mcnemar_exact", "paired_bootstrap"]

RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference of two accuracies.

    Attributes:
        mean: The difference.
        low: Lower end of its 95% interval.
        high: Upper end.
    """

    mean: float
    low: float
    high: float


def paired_bootstrap(ours: Bools, theirs: Bools, *, resamples: int = RESAMPLES, seed: int = 0) -> Difference:
    """Percentile bootstrap interval of the difference of two accuracies, over photos.

    Each photo's difference is first averaged over the seeds, then photos are drawn with replacement. The interval
    therefore covers other photos of the same kind, but not other seeds; the range over seeds is shown beside it.

    Args:
        ours: Whether each seed's model is correct on each photo, (seeds, n).
        theirs: The same photos and seeds with the other method, (seeds, n).
        resamples: Number of draws.
        seed: Seed of the draws.
    """
    gain = ours.mean(0, dtype=np.float64) - theirs.mean(0, dtype=np.float64)  # (n,)
    values, counts = np.unique(gain, return_counts=True)  # few distinct values: drawing their counts is enough
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(len(gain), counts / counts.sum(), size=resamples) @ values / len(gain)
    low, high = np.quantile(draws, (0.025, 0.975))
    return Difference(float(gain.mean()), float(low), float(high))


def mcnemar_exact(ours: Bools, theirs: Bools) -> float:
    """Two-sided exact p-value of McNemar's test for two models on the same photos; 1.0 if they never disagree.

    Args:
        ours: Whether the model is correct on each photo, (n,).
        theirs: The same for the other model, (n,).

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions or percentages"
    (Psychometrika 1947), with the binomial distribution of the photos on which only one model is correct.
    """
    from scipy.stats import binomtest

    won, lost = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    return float(binomtest(won, won + lost).pvalue) if won + lost else 1.0
