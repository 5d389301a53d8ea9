"""Do two samples come from the same distribution? Permutation tests, and a correction for several tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Float64s, Floats, Ints, evenly

__all__ = ["PERMUTATIONS", "KernelTest", "holm", "kernel_test", "shares_test"]

PERMUTATIONS = 999
_MAX_ROWS = 1000


@dataclass(frozen=True, slots=True)
class KernelTest:
    """Result of `kernel_test`.

    Attributes:
        distance: Squared maximum mean discrepancy.
        p_value: Share of permutations with a distance at least as large.
        witness: (m,) for each row of the second sample, how much more typical it is of the second sample than of the
            first.
    """

    distance: float
    p_value: float
    witness: Float64s


def kernel_test(first: Floats, second: Floats, *, permutations: int = PERMUTATIONS, seed: int = 0) -> KernelTest:
    """Test with the maximum mean discrepancy of a Gaussian kernel whose width is the median distance.

    Larger samples are thinned out to 1,000 rows, evenly. Source: Gretton et al., "A kernel two-sample test" (JMLR
    2012); the p-value is that of a permutation test, the witness function is theirs.

    Args:
        first: (n, d).
        second: (m, d).
        permutations: Number of random permutations.
        seed: Of the permutations.
    """
    a, b = (rows[evenly(len(rows), _MAX_ROWS)].astype(np.float64) for rows in (first, second))
    both = np.concatenate([a, b])
    width = _median_square(both)
    kernel = np.exp(-_squares(both, both) / width)
    signs = np.concatenate([np.full(len(a), 1.0 / len(a)), np.full(len(b), -1.0 / len(b))])
    generator = np.random.default_rng(seed)
    mixed = generator.permuted(np.tile(signs, (permutations, 1)), axis=1)
    drawn = np.einsum("pi,pi->p", mixed @ kernel, mixed)
    distance = float(signs @ kernel @ signs)
    p_value = float((1 + (drawn >= distance - 1e-12).sum()) / (1 + permutations))
    rows = second.astype(np.float64)
    witness = np.exp(-_squares(rows, b) / width).mean(1) - np.exp(-_squares(rows, a) / width).mean(1)
    return KernelTest(distance, p_value, witness)


def shares_test(
    first: Ints, second: Ints, num_classes: int, *, permutations: int = PERMUTATIONS, seed: int = 0
) -> float:
    """Return the p-value of Pearson's chi-squared statistic for equal shares of classes, by permutation.

    The asymptotic distribution does not hold for classes of a few photos. The counts of a random permutation follow a
    multivariate hypergeometric distribution.
    """
    seen = np.bincount(first, minlength=num_classes)
    totals = seen + np.bincount(second, minlength=num_classes)
    used = totals > 0
    expected = totals[used] * (len(first) / (len(first) + len(second)))

    def statistic(counts: Ints) -> Float64s:
        return np.asarray((np.square(counts - expected) / expected).sum(-1))

    drawn = np.random.default_rng(seed).multivariate_hypergeometric(totals[used], len(first), size=permutations)
    return float((1 + (statistic(drawn) >= statistic(seen[used]) - 1e-9).sum()) / (1 + permutations))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number: the chance of any false alarm stays at the level.

    Source: Holm, "A simple sequentially rejective multiple test procedure" (Scandinavian Journal of Statistics 1979).
    """
    order = np.argsort(p_values, kind="stable")
    adjusted, largest = [0.0] * len(p_values), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _squares(first: Float64s, second: Float64s) -> Float64s:
    """Squared Euclidean distances (n, m)."""
    norms = np.square(first).sum(1)[:, None] + np.square(second).sum(1)[None]
    return np.asarray(np.maximum(norms - 2.0 * first @ second.T, 0.0))


def _median_square(rows: Float64s) -> float:
    chosen = rows[evenly(len(rows), 500)]
    distances = _squares(chosen, chosen)[np.triu_indices(len(chosen), 1)]
    return max(float(np.median(distances)), 1e-12)
