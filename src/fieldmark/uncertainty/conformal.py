"""Candidate sets that hold the truth with a stated probability: split conformal prediction.

The score is LAC, 1 - p(truth), where nobody asks for APS or RAPS: it gave the smallest sets on every data set that was
measured (``docs/trust.md``). A model keeps the scores of its held-out photos sorted, so that any level can be asked for
later.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Bools, Floats, Ints
from fieldmark.errors import SettingError
from fieldmark.uncertainty.conformity_scores import LAC, ConformityScore

__all__ = ["candidate_sets", "conformity_scores", "demand_level", "photos_needed", "score_quantile"]


_EPSILON = np.finfo(np.float64).eps
"""Rounding of 1 - p, forgiven as in MAPIE."""


def conformity_scores(probabilities: Floats, labels: Ints, score: ConformityScore = LAC) -> NDArray[np.float64]:
    """Sorted scores (n,) of the truth of held-out photos, from probabilities (n, K) and labels (n,).

    MAPIE computes those of LAC. Its APS and RAPS draw random numbers, take no two classes, and choose the numbers of
    RAPS for one level from photos of which every class needs two; ours are tested against them, the chance taken out.
    """
    if not len(labels):
        return np.zeros(0)
    if score.name != "lac":
        return np.sort(score(probabilities)[np.arange(len(labels)), labels])
    from mapie.classification import SplitConformalClassifier

    from fieldmark.uncertainty.given_probabilities import GivenProbabilities

    given = GivenProbabilities(probabilities.shape[1])
    with warnings.catch_warnings():  # few photos need not show every class
        warnings.simplefilter("ignore")
        classifier = SplitConformalClassifier(given, conformity_score="lac", prefit=True)
        classifier.conformalize(probabilities.astype(np.float64), labels)
    return np.sort(classifier.conformity_scores.ravel().astype(np.float64))


def photos_needed(coverage: float) -> int:
    """The fewest calibration photos that can vouch for a coverage: 9 for 0.9, 19 for 0.95, 99 for 0.99."""
    return math.ceil(round(1.0 / (1.0 - coverage), 9)) - 1


def demand_level(name: str, level: float) -> None:
    """Refuse a level that is no probability.

    Raises:
        SettingError: It does not lie between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        raise SettingError(f"{name} must lie between 0 and 1, such as 0.9, but is {level:g}")


def score_quantile(scores: Floats, coverage: float) -> float | None:
    """The ceil((n + 1) * coverage)-th smallest score; None where the photos are too few for that level.

    Args:
        scores: (n,), sorted.
        coverage: Between 0 and 1.
    """
    rank = math.ceil(round((len(scores) + 1) * coverage, 9))
    return float(scores[rank - 1]) if rank <= len(scores) else None


def candidate_sets(
    probabilities: Floats, quantile: float, score: ConformityScore = LAC, *, allow_empty: bool = False
) -> Bools:
    """Which classes belong to the set of each photo, (n, K).

    Args:
        probabilities: (n, K).
        quantile: Of `score_quantile`.
        score: Of the photos that the quantile is of.
        allow_empty: Leave sets of LAC empty where no class is likely enough, as MAPIE does. Otherwise the best class is
            in every set: that can only raise the coverage, and an empty set tells a person nothing.
    """
    sets: Bools = score(probabilities) - quantile <= _EPSILON
    if not allow_empty and len(sets):
        sets[np.arange(len(sets)), probabilities.argmax(1)] = True
    return sets
