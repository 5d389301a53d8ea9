"""Back off to the most specific rank that meets the target accuracy."""

from __future__ import annotations

import numpy as np

from fieldmark.arrays import Floats, Ints

__all__ = ["DOUBT", "answer_levels", "error_bound", "learn_threshold", "photos_needed_without_error"]


DOUBT = 0.1
"""Probability that the upper bound on the error rate is too low."""

_MAX_THRESHOLDS = 500


def answer_levels(paths: Floats, threshold: float) -> Ints:
    """Return the lowest level, (n,), whose probability reaches the threshold; the number of levels if none does.

    Args:
        paths: (n, levels), see `Hierarchy.path`.
        threshold: Smallest probability.
    """
    passes = paths >= threshold
    return np.asarray(np.where(passes.any(1), passes.argmax(1), paths.shape[1]), dtype=np.int64)


def error_bound(wrong: float, answered: float, doubt: float = DOUBT) -> float:
    """Return the one-sided Clopper-Pearson upper bound of the error rate after `wrong` of `answered` answers.

    Effective numbers of weighted photos need not be whole.
    """
    from scipy.special import betaincinv  # `binomtest` gives the same bound 16 times slower

    return 1.0 if wrong >= answered else float(betaincinv(wrong + 1, answered - wrong, 1.0 - doubt))


def photos_needed_without_error(target_accuracy: float, doubt: float = DOUBT) -> int:
    """Return the smallest number of photos that proves a target accuracy if all answers are correct."""
    return int(np.ceil(np.log(doubt) / np.log(target_accuracy)))


def learn_threshold(
    paths: Floats, distances: Ints, target_accuracy: float, weights: Floats | None = None
) -> float | None:
    """Return the lowest probability threshold whose answers meet the target accuracy on calibration photos.

    The calibrated probability does not guarantee the accuracy by itself: the model is over-confident on photos that
    were taken elsewhere. Thresholds from 0.5 up are tried, until the upper bound of the error rate on calibration
    photos is at most 1 - `target_accuracy`. The bound holds for each threshold separately; it is not widened for the
    search.

    Args:
        paths: (n, levels) of calibration photos, see `Hierarchy.path`.
        distances: (n,) lowest correct level of each photo, see `Hierarchy.distance`.
        target_accuracy: Share of answers that must be correct at their rank, between 0 and 1.
        weights: (n,) of the photos; None or empty if all count the same. The bound then takes the effective number of
            photos, (sum of w)^2 / sum of w^2 (Kish 1965).

    Returns:
        The threshold; None if no threshold meets the target, or the calibration set is too small to tell.
    """
    tried = np.unique(paths[paths >= 0.5])
    if len(tried) > _MAX_THRESHOLDS:
        tried = np.unique(np.quantile(tried, np.linspace(0, 1, _MAX_THRESHOLDS), method="lower"))
    each = np.ones(len(paths)) if weights is None or not len(weights) else weights * weights.sum() / (weights**2).sum()
    for threshold in tried:
        levels = answer_levels(paths, float(threshold))
        answered = levels < paths.shape[1]
        wrong = answered & (levels < distances)
        if error_bound(float(each[wrong].sum()), float(each[answered].sum())) <= 1.0 - target_accuracy:
            return float(threshold)
    return None
