"""Choose the two parameters of RAPS on photos outside the calibration set."""

from __future__ import annotations

import numpy as np

from fieldmark.arrays import Floats, Ints, evenly
from fieldmark.uncertainty.conformal import score_quantile
from fieldmark.uncertainty.conformity_scores import ConformityScore

__all__ = ["PENALTIES", "choose_conformity_score"]


PENALTIES = (0.0, 0.001, 0.01, 0.1, 0.2, 0.5)
"""Values of lambda to try: those of the RAPS paper, and 0, which is APS."""

_RESAMPLES = 100
_MAX_PHOTOS = 2000


def choose_conformity_score(name: str, probabilities: Floats, labels: Ints, coverage: float) -> ConformityScore:
    """Return the score with that name; the parameters of RAPS are chosen on the given photos.

    `k_reg` is the rank within which the correct class lies at that coverage. `penalty` is the smallest one of
    `PENALTIES` among those with the smallest sets on these photos. The set size is the mean over bootstrap samples of
    the quantile: a single quantile of few photos chose penalties that made the sets of other photos larger. If the
    photos are too few for that coverage, the penalty is 0, which is APS.

    Source: Angelopoulos, Bates, Malik, Jordan (ICLR 2021), algorithm 4.

    Args:
        name: Name in `CONFORMITY_SCORES`.
        probabilities: (n, K), calibrated, of photos outside the calibration set.
        labels: (n,).
        coverage: Default coverage of the prediction sets.
    """
    if name != "raps":
        return ConformityScore(name)
    chosen = evenly(len(labels), _MAX_PHOTOS)
    rows, truth = probabilities[chosen], (np.arange(len(chosen)), labels[chosen])
    k_reg = score_quantile(np.sort((rows > rows[truth][:, None]).sum(1) + 1), coverage)
    if k_reg is None:
        return ConformityScore(name)
    resampled = np.random.default_rng(0).integers(0, len(chosen), (_RESAMPLES, len(chosen)))

    def total_size(score: ConformityScore) -> int:
        """Return the summed size of all sets over all bootstrap quantiles."""
        scores = score(rows)
        quantiles = [score_quantile(np.sort(scores[truth][again]), coverage) for again in resampled]
        return int(np.searchsorted(np.sort(scores.ravel()), np.array(quantiles), side="right").sum())

    return min((ConformityScore(name, int(k_reg), penalty) for penalty in PENALTIES), key=total_size)
