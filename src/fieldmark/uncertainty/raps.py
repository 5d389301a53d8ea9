"""The two numbers of RAPS, chosen by photos that nothing is promised of."""

from __future__ import annotations

import numpy as np

from fieldmark.arrays import Floats, Ints, evenly
from fieldmark.methods.settings_base import ConformalName
from fieldmark.uncertainty.conformal import score_quantile
from fieldmark.uncertainty.conformity_scores import ConformityScore

__all__ = ["PENALTIES", "choose_conformity_score"]


PENALTIES = (0.0, 0.001, 0.01, 0.1, 0.2, 0.5)
"""Lambdas that are tried: those of the RAPS paper, and 0, which is APS."""

_RESAMPLED = 100
_MOST = 2000  # photos that choose


def choose_conformity_score(
    name: ConformalName, probabilities: Floats, labels: Ints, coverage: float
) -> ConformityScore:
    """The score of that name, with the two numbers of RAPS chosen by photos that do not calibrate.

    `k_reg` is the rank that holds the truth at that coverage; `penalty` is the one of `PENALTIES` with the smallest
    sets on these photos, the mildest of equals. The size is the mean over quantiles of resampled photos: the one
    quantile of few photos chose penalties that made the sets of other photos larger. Where they are too few for
    that coverage, nothing is penalised, which is APS.

    Source: Angelopoulos, Bates, Malik, Jordan (ICLR 2021), algorithm 4.

    Args:
        name: ``lac``, ``aps`` or ``raps``.
        probabilities: (n, K), calibrated.
        labels: (n,).
        coverage: Of the sets where nobody names another.
    """
    if name != "raps":
        return ConformityScore(name)
    chosen = evenly(len(labels), _MOST)
    rows, truth = probabilities[chosen], (np.arange(len(chosen)), labels[chosen])
    k_reg = score_quantile(np.sort((rows > rows[truth][:, None]).sum(1) + 1), coverage)
    if k_reg is None:
        return ConformityScore(name)
    resampled = np.random.default_rng(0).integers(0, len(chosen), (_RESAMPLED, len(chosen)))

    def size(score: ConformityScore) -> int:
        """Of all sets at all quantiles together."""
        scores = score(rows)
        quantiles = [score_quantile(np.sort(scores[truth][again]), coverage) for again in resampled]
        return int(np.searchsorted(np.sort(scores.ravel()), np.array(quantiles), side="right").sum())

    return min((ConformityScore(name, int(k_reg), penalty) for penalty in PENALTIES), key=size)
