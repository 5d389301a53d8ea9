"""Split conformal prediction: prediction sets that contain the correct class with a stated coverage.

LAC is the default score: it gave the smallest sets on every data set that was measured
(``docs/research/prediction_sets.md``). A model keeps the sorted scores of its calibration photos, so that any coverage
can be asked for later.
"""

from __future__ import annotations

import math

import numpy as np

from fieldmark.arrays import Bools, Float64s, Floats, Ints
from fieldmark.errors import SettingError
from fieldmark.uncertainty.conformity_scores import LAC, ConformityScore

__all__ = [
    "check_level",
    "class_quantiles",
    "conformity_scores",
    "coverage_band",
    "label_shift_quantiles",
    "mixed_quantiles",
    "photos_needed",
    "prediction_sets",
    "score_quantile",
]


_EPSILON = np.finfo(np.float64).eps
"""Tolerance for the rounding of 1 - p; MAPIE uses the same one."""


def conformity_scores(probabilities: Floats, labels: Ints, score: ConformityScore = LAC) -> Float64s:
    """Return the sorted scores (n,) of the correct classes of calibration photos.

    The tests compare them with those of MAPIE.

    Args:
        probabilities: (n, K), calibrated.
        labels: (n,).
        score: The conformity score.
    """
    return np.sort(score(probabilities)[np.arange(len(labels)), labels])


def photos_needed(coverage: float) -> int:
    """Return the smallest calibration set for a coverage: 9 photos for 0.9, 19 for 0.95, 99 for 0.99."""
    return math.ceil(round(1.0 / (1.0 - coverage), 9)) - 1


def check_level(name: str, level: float) -> None:
    """Check that a level lies between 0 and 1.

    Raises:
        SettingError: It does not.
    """
    if not 0.0 < level < 1.0:
        raise SettingError(f"{name} must lie between 0 and 1, such as 0.9, but is {level:g}")


def coverage_band(photos: int, coverage: float) -> tuple[float, float] | None:
    """Return the 95% range of the true coverage that the chance of drawing the calibration photos leaves.

    Over draws of n calibration photos the coverage of split conformal sets on new photos has the distribution
    Beta(k, n + 1 - k) with k = ceil((n + 1) * coverage). None if the photos are too few for that coverage.

    Source: Vovk, "Conditional validity of inductive conformal predictors" (ACML 2012), proposition 2a.

    Args:
        photos: n.
        coverage: Between 0 and 1.
    """
    from scipy.special import betaincinv  # `scipy.stats` has it too, and takes seconds to import

    rank = math.ceil(round((photos + 1) * coverage, 9))
    if rank > photos:
        return None
    low, high = betaincinv(rank, photos + 1 - rank, (0.025, 0.975))
    return float(low), float(high)


def score_quantile(scores: Floats, coverage: float) -> float | None:
    """Return the ceil((n + 1) * coverage)-th smallest score; None if the calibration set is too small.

    Args:
        scores: (n,), sorted.
        coverage: Between 0 and 1.
    """
    rank = math.ceil(round((len(scores) + 1) * coverage, 9))
    return float(scores[rank - 1]) if rank <= len(scores) else None


def class_quantiles(
    scores: Floats, labels: Ints, num_classes: int, coverage: float, classwise: float
) -> Float64s | None:
    """Return a quantile for each class, (K,), between that of all photos and that of its own photos.

    Each one is at least the smaller of both, and each of both misses at most 1 - `coverage` of the photos: together
    the sets miss at most twice as many. A class with too few photos for a quantile of its own has the largest score of
    all photos in its place. None if all photos together are too few.

    Source: Ding, Fermanian, Salmon, "Conformal prediction for long-tailed classification" (2025, arXiv:2507.06867),
    interpolated quantiles (INTERP-Q).

    Args:
        scores: (n,), sorted.
        labels: (n,) classes of these.
        num_classes: K.
        coverage: Between 0 and 1.
        classwise: 0 is the quantile of all photos, 1 that of the class.
    """
    together = score_quantile(scores, coverage)
    if together is None:
        return None
    return mixed_quantiles(scores, labels, np.full(num_classes, together), coverage, classwise)


def mixed_quantiles(scores: Floats, labels: Ints, together: Floats, coverage: float, classwise: float) -> Float64s:
    """Return quantiles (K,) between those of all photos, `together` (K,), and those of each class's own photos."""
    if not classwise:
        return np.asarray(together, dtype=np.float64)
    own = [score_quantile(scores[labels == label], coverage) for label in range(len(together))]
    alone = np.array([scores[-1] if each is None else each for each in own], dtype=np.float64)
    return alone if classwise == 1 else np.asarray(classwise * alone + (1.0 - classwise) * together)


def label_shift_quantiles(scores: Floats, weights: Floats, class_weights: Floats, coverage: float) -> Float64s:
    """Return the quantile for each candidate class, (K,), if classes occur more or less often than in calibration.

    With equal weights each one is `score_quantile`. It is infinite where the calibration set is too small for the
    coverage: the class is then in every set.

    Source: Podkopaev, Ramdas, "Distribution-free uncertainty quantification for classification under label shift"
    (UAI 2021), theorem 2.

    Args:
        scores: (n,), sorted.
        weights: (n,) weights of the photos' classes.
        class_weights: (K,) weights of all classes, on the same scale.
        coverage: Between 0 and 1.
    """
    reached = np.cumsum(weights)
    total = reached[-1] if len(reached) else 0.0
    wanted = coverage * (total + np.asarray(class_weights, np.float64))
    rank = np.searchsorted(reached, wanted * (1.0 - 1e-12))
    return np.append(np.asarray(scores, np.float64), np.inf)[rank]


def prediction_sets(
    probabilities: Floats, quantile: float | Floats, score: ConformityScore = LAC, *, allow_empty: bool = False
) -> Bools:
    """Return the classes in the prediction set of each photo, (n, K).

    Args:
        probabilities: (n, K).
        quantile: From `score_quantile`, or one for each class, (K,), from `class_quantiles`.
        score: The score that the quantile was computed from.
        allow_empty: Leave LAC sets empty if no class is probable enough, as MAPIE does. By default the most probable
            class is in every set: this can only raise the coverage, and an empty set does not help anybody.
    """
    sets: Bools = score(probabilities) - quantile <= _EPSILON
    if not allow_empty and len(sets):
        sets[np.arange(len(sets)), probabilities.argmax(1)] = True
    return sets
