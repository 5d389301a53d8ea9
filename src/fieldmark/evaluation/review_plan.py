"""Accept, review or reject: thresholds on the confidence that minimise the expected cost."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fieldmark.arrays import Float64s, Floats, Ints
from fieldmark.errors import SettingError
from fieldmark.evaluation.intervals import Interval, bootstrap_interval, proportion

__all__ = ["MIN_PHOTOS", "Costs", "ReviewPlan", "Thresholds", "choose_thresholds", "photo_costs", "plan_review"]

MIN_PHOTOS = 20
"""Calibration photos below which no plan is made."""

_FOLDS = 10


@dataclass(frozen=True, slots=True)
class Costs:
    """What a photo costs, in any unit.

    Attributes:
        wrong: An accepted answer that is wrong.
        review: A person looks at the candidates.
        reject: A photo that gets no answer.
        candidates: Number of candidates that the person sees. If the correct class is not among them, the photo costs
            the review and gets no answer.
    """

    wrong: float
    review: float
    reject: float
    candidates: int = 5

    def __post_init__(self) -> None:
        for name in ("wrong", "review", "reject"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise SettingError(f"--cost-{name} must be a number of at least 0, but is {value:g}")
        if self.candidates < 1:
            raise SettingError(f"the number of candidates must be at least 1, but is {self.candidates}")


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Accept a photo with at least `accept` confidence, reject it below `reject`, review it in between.

    An `accept` above 1 accepts nothing.
    """

    accept: float
    reject: float

    def actions(self, confidence: Floats) -> Ints:
        """Return 0 to reject, 1 to review, 2 to accept, (n,)."""
        return np.asarray((confidence >= self.reject).astype(np.int64) + (confidence >= self.accept))


@dataclass(frozen=True, slots=True)
class ReviewPlan:
    """Thresholds, and what they lead to on photos like the calibration photos; intervals are 95%.

    Attributes:
        thresholds: Chosen on all calibration photos.
        costs: What they were chosen for.
        photos: Number of calibration photos.
        cost: Expected cost of a photo. Each photo is judged by thresholds that were chosen without it.
        accepted: Share of photos that are accepted.
        reviewed: Share that is reviewed.
        rejected: Share that is rejected.
        accuracy: Share of the accepted answers that is correct; None if none is accepted.
        cost_accept_all: Cost of a photo if every answer is accepted.
        cost_review_all: Cost of a photo if every answer is reviewed.
    """

    thresholds: Thresholds
    costs: Costs
    photos: int
    cost: Interval
    accepted: Interval
    reviewed: Interval
    rejected: Interval
    accuracy: Interval | None
    cost_accept_all: float
    cost_review_all: float

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``plan --json`` prints."""
        return asdict(self)


def plan_review(confidence: Floats, ranks: Ints, costs: Costs, *, seed: int = 0) -> ReviewPlan:
    """Choose thresholds that minimise the mean cost of photos, and estimate what new photos will cost.

    The mean cost of the photos by which thresholds were chosen is too low. So the expected cost is cross-fitted: ten
    folds, each judged by the thresholds of the others. Its interval is a percentile bootstrap over photos.

    Args:
        confidence: (n,) calibrated probability of the predicted class.
        ranks: (n,) rank of the correct class, 1 for the most probable.
        costs: What a photo costs.
        seed: Of folds and draws.

    Raises:
        SettingError: There are fewer than `MIN_PHOTOS` photos.
    """
    count = len(ranks)
    if count < MIN_PHOTOS:
        raise SettingError(
            f"a plan needs at least {MIN_PHOTOS} calibration photos, but the model has {count}; fit it on more photos"
        )
    thresholds = choose_thresholds(confidence, ranks, costs)
    fold_of = np.random.default_rng(seed).permutation(count) % _FOLDS
    honest = np.zeros(count)
    for fold in range(_FOLDS):
        held_out = fold_of == fold
        chosen = choose_thresholds(confidence[~held_out], ranks[~held_out], costs)
        honest[held_out] = photo_costs(confidence[held_out], ranks[held_out], costs, chosen)
    actions = thresholds.actions(confidence)
    accepted, reviewed, rejected = (proportion(int((actions == action).sum()), count) for action in (2, 1, 0))
    taken = actions == 2
    return ReviewPlan(
        thresholds,
        costs,
        count,
        bootstrap_interval(lambda times: float(times @ honest / times.sum()), count, seed=seed),
        accepted,
        reviewed,
        rejected,
        accuracy=proportion(int((ranks[taken] == 1).sum()), int(taken.sum())) if taken.any() else None,
        cost_accept_all=float(_accept(ranks, costs).mean()),
        cost_review_all=float(_review(ranks, costs).mean()),
    )


def photo_costs(confidence: Floats, ranks: Ints, costs: Costs, thresholds: Thresholds) -> Float64s:
    """Return the cost of each photo under the thresholds, (n,)."""
    actions = thresholds.actions(confidence)
    return np.asarray(
        np.choose(actions, [np.full(len(ranks), costs.reject), _review(ranks, costs), _accept(ranks, costs)])
    )


def choose_thresholds(confidence: Floats, ranks: Ints, costs: Costs) -> Thresholds:
    """Return the thresholds with the smallest mean cost. They lie halfway between photos; ties accept fewer photos.

    Args:
        confidence: (n,).
        ranks: (n,).
        costs: What a photo costs.
    """
    order = np.argsort(confidence, kind="stable")
    values, sorted_ranks = confidence[order].astype(np.float64), ranks[order]
    review, accept = _review(sorted_ranks, costs), _accept(sorted_ranks, costs)
    gain_of_rejecting = np.concatenate([[0.0], np.cumsum(costs.reject - review)])  # of the first k photos
    gain_of_accepting = np.concatenate([[0.0], np.cumsum(review - accept)])
    is_cut = np.concatenate([[True], np.diff(values) > 0, [True]])
    best_reject, best = 0, (np.inf, 0, 0)
    for cut in np.flatnonzero(is_cut).tolist():
        if gain_of_rejecting[cut] < gain_of_rejecting[best_reject] - 1e-12:
            best_reject = cut
        total = gain_of_rejecting[best_reject] + gain_of_accepting[cut]
        if total <= best[0] + 1e-12:
            best = (total, cut, best_reject)
    _, first_accepted, first_kept = best
    return Thresholds(_between(values, first_accepted), _between(values, first_kept))


def _between(values: Float64s, cut: int) -> float:
    """Return a threshold that has `cut` values below it."""
    if cut == 0:
        return 0.0
    if cut == len(values):
        return float(np.nextafter(1.0, 2.0))
    return float((values[cut - 1] + values[cut]) / 2)


def _accept(ranks: Ints, costs: Costs) -> Float64s:
    return np.where(ranks == 1, 0.0, costs.wrong)


def _review(ranks: Ints, costs: Costs) -> Float64s:
    return costs.review + np.where(ranks <= costs.candidates, 0.0, costs.reject)
