"""Fit enrolment gates on simulated enrolments, so that an enrolled class costs the others at most a stated share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Floats, Ints
from fieldmark.openset.enrolled_classes import EnrolmentGate, enrolment_features
from fieldmark.openset.leave_class_out import ClassFold

__all__ = ["LOSS_BUDGET", "SHOTS", "fit_gates"]


SHOTS = (1, 2, 3, 4, 5)
LOSS_BUDGET = 0.0005
"""Share of correct answers that one enrolled class may take in simulation: ten classes cost at most half a point."""

_ROUNDING = 1e-6
_RESAMPLES = 200
_MAX_LOG_ODDS = 50.0
_MIN_ENROLMENTS = 150  # with fewer classes, each one is enrolled several times from other photos


def fit_gates(folds: Sequence[ClassFold], *, seed: int = 0) -> list[EnrolmentGate]:
    """Fit a gate for each number of photos, on simulated enrolments of the left-out classes.

    The left-out classes of a fold are enrolled together, each from a few of its train photos. Their other photos must
    then be assigned to them; photos of the classes that stayed must not. No part of a fold was fitted on these photos.
    A logistic regression finds the weights. Then the bias is lowered until each enrolled class takes at most
    `LOSS_BUDGET` of the correct answers. If the folds only have known photos of val, because train photos would be
    too optimistic, the bias is lowered by one more standard error, because val photos are few.

    Returns:
        Empty if no fold has a class with more than one photo.
    """
    gates = []
    times = -(-_MIN_ENROLMENTS // max(1, sum(len(np.unique(fold.unknown_labels)) for fold in folds)))
    for shots in SHOTS:
        rng = np.random.default_rng((seed, shots))
        trials = [trial for fold in folds for trial in _enrolments(fold, shots, times, rng)]
        if trials:
            gates.append(_fit_gate(trials, shots, cautious=not any(fold.known_from_train.any() for fold in folds)))
    return gates


@dataclass(frozen=True, slots=True)
class _Enrolment:
    """m classes that were enrolled together in a fold.

    Attributes:
        others: (n, m, 2) features of the photos of the classes that stayed, for every enrolled class.
        rivals: (n,) log-probability of the correct answer; infinite if the answer is wrong anyway.
        photos: (n,) number of the photo.
        own: (p, 2) features of the enrolled classes' own photos, for their class.
        own_rivals: (p,) log-probability of the best class that stayed.
    """

    others: Floats
    rivals: Floats
    photos: Ints
    own: Floats
    own_rivals: Floats


def _enrolments(fold: ClassFold, shots: int, times: int, rng: np.random.Generator) -> list[_Enrolment]:
    """Enroll the left-out classes, each time from other train photos; empty if no class has a photo to spare."""
    known, unknown = fold.known, fold.unknown
    means: list[Floats] = []
    own: list[Ints] = []
    for label in np.tile(np.unique(fold.unknown_labels), times):
        photos = np.flatnonzero(fold.unknown_labels == label)
        chosen = rng.permutation(photos[fold.unknown_from_train[photos]])[:shots]
        if len(chosen) == shots < len(photos):
            means.append(unknown.vectors[chosen].mean(0))
            own.append(np.setdiff1d(photos, chosen))
    if not means:
        return []
    others = np.stack(enrolment_features(known.vectors, np.array(means), known.gaussians), 2)
    of_unknown = np.stack(enrolment_features(unknown.vectors, np.array(means), known.gaussians), 2)
    correct = known.probabilities.argmax(1) == fold.labels
    rivals = np.where(correct, np.log(np.maximum(known.probabilities.max(1), 1e-12)), np.inf)
    own_rivals = np.log(np.maximum(unknown.probabilities.max(1), 1e-12))
    each = len(means) // times
    return [
        _Enrolment(
            others[:, start : start + each],
            rivals,
            fold.photos,
            np.concatenate([of_unknown[own[index], index] for index in range(start, start + each)]),
            np.concatenate([own_rivals[own[index]] for index in range(start, start + each)]),
        )
        for start in range(0, len(means), each)
    ]


def _fit_gate(trials: Sequence[_Enrolment], shots: int, *, cautious: bool) -> EnrolmentGate:
    from sklearn.linear_model import LogisticRegression

    own = np.concatenate([trial.own for trial in trials])
    features = np.concatenate([own, *(trial.others.reshape(-1, 2) for trial in trials)])
    center, scale = features.mean(0), np.maximum(features.std(0), 1e-9)
    found = LogisticRegression(C=1.0, max_iter=500).fit(
        (features - center) / scale, np.arange(len(features)) < len(own)
    )
    weights = np.maximum(found.coef_[0], 0.0) / scale  # a smaller distance must never lower the odds
    bias = float(found.intercept_[0] - center @ weights)
    excess = np.concatenate([(trial.others @ weights).max(1) + bias - trial.rivals for trial in trials])
    excess = np.maximum(excess, -_MAX_LOG_ODDS)
    enrolled = np.repeat([trial.others.shape[1] for trial in trials], [len(trial.rivals) for trial in trials])
    cut = _cut(excess, enrolled, np.ones(len(excess)))
    if cautious:
        cut += _standard_error(excess, enrolled, np.concatenate([trial.photos for trial in trials]))
    bias -= max(0.0, cut + _ROUNDING)
    pairs = int(enrolled.sum())
    lost = sum(int(((trial.others @ weights).max(1) + bias > trial.rivals).sum()) for trial in trials)
    rivals = np.concatenate([trial.own_rivals for trial in trials])
    return EnrolmentGate(
        shots=shots,
        discriminant=float(weights[0]),
        similarity=float(weights[1]),
        bias=bias,
        simulated_recall=float((own @ weights + bias > rivals).mean()),
        simulated_loss=lost / pairs,
    )


def _cut(excess: Floats, enrolled: Ints, weights: Floats) -> float:
    """Return how much to lower the log-odds (n,), so that the weighted photos above 0 stay within the budget."""
    order = np.argsort(-excess)
    allowed = LOSS_BUDGET * float((weights * enrolled).sum())
    return float(excess[order[np.searchsorted(np.cumsum(weights[order]), allowed, side="right")]])


def _standard_error(excess: Floats, enrolled: Ints, photos: Ints) -> float:
    """Return the bootstrap standard error of the cut over photos; a photo occurs in several folds."""
    rng = np.random.default_rng(0)
    _, which = np.unique(photos, return_inverse=True)
    count = int(which.max()) + 1
    drawn = (np.bincount(rng.integers(count, size=count), minlength=count) for _ in range(_RESAMPLES))
    return float(np.std([_cut(excess, enrolled, times[which].astype(np.float64)) for times in drawn]))
