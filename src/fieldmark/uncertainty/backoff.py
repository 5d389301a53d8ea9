"""How far an answer must climb so that it is right as often as was asked for."""

from __future__ import annotations

import numpy as np

from fieldmark.arrays import Floats, Ints

__all__ = ["DOUBT", "answer_levels", "error_bound", "learn_threshold", "photos_needed_without_error"]


DOUBT = 0.1
"""Chance that the bound on the error lies too low."""

_STEPS = 500
"""Thresholds that are tried at most."""


def answer_levels(paths: Floats, threshold: float) -> Ints:
    """The lowest level whose probability reaches the threshold, (n,); the number of levels where none does.

    Args:
        paths: (n, levels), see `Hierarchy.path`.
        threshold: On the probability.
    """
    passes = paths >= threshold
    return np.asarray(np.where(passes.any(1), passes.argmax(1), paths.shape[1]), dtype=np.int64)


def error_bound(wrong: int, answered: int, doubt: float = DOUBT) -> float:
    """Upper bound of an error rate after `wrong` of `answered` (Clopper and Pearson 1934), one-sided."""
    from scipy.stats import beta

    return 1.0 if wrong >= answered else float(beta.ppf(1.0 - doubt, wrong + 1, answered - wrong))


def photos_needed_without_error(wanted: float, doubt: float = DOUBT) -> int:
    """The fewest photos that can vouch for a share of right answers, if all of them are right."""
    return int(np.ceil(np.log(doubt) / np.log(wanted)))


def learn_threshold(paths: Floats, distances: Ints, wanted: float) -> float | None:
    """The lowest probability from which on answers at their rank are right often enough.

    Of the photos that get an answer, a share of `wanted` shall be right at the claimed rank. The calibrated probability
    alone does not promise that: photos taken elsewhere are less sure than it says. So thresholds are tried from the
    lowest up, from 0.5 on, so that an answer is more likely than not, until the bound of the error that calibration
    photos show is at most 1 - `wanted`. The bound is of each threshold by itself: it is not widened for the search.

    Args:
        paths: (n, levels) of photos that served for nothing else.
        distances: (n,) lowest level that is right for each, see `Hierarchy.distance`.
        wanted: Share of right answers, between 0 and 1.

    Returns:
        The threshold; None where no threshold reaches that, or the photos are too few to tell.
    """
    tried = np.unique(paths[paths >= 0.5])
    if len(tried) > _STEPS:
        tried = np.unique(np.quantile(tried, np.linspace(0, 1, _STEPS), method="lower"))
    for threshold in tried:
        levels = answer_levels(paths, float(threshold))
        answered = levels < paths.shape[1]
        wrong = answered & (levels < distances)
        if error_bound(int(wrong.sum()), int(answered.sum())) <= 1.0 - wanted:
            return float(threshold)
    return None
