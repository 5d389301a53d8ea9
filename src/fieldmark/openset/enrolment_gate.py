"""The gates of newcomers: fitted so that simulated enrolments cost the old classes no more than a stated share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Floats, Ints
from fieldmark.openset.enrolled_classes import newcomer_features
from fieldmark.openset.leave_class_out import Draw
from fieldmark.openset.openset_facts import Gate

__all__ = ["LOSS_BUDGET", "SHOTS", "fit_gates"]


SHOTS = (1, 2, 3, 4, 5)
LOSS_BUDGET = 0.0005
"""Share of photos whose right answer one newcomer may take, in simulation: ten cost half a point at most."""

_ROUNDING = 1e-6
_RESAMPLES = 200
_FAR = 50.0  # log-odds that stand for never
_ENROLMENTS = 150  # simulated at least, with other photos each time where the classes are fewer


def fit_gates(draws: Sequence[Draw], *, seed: int = 0) -> list[Gate]:
    """A gate for each number of photos, from simulated enrolments of the classes that the draws left out.

    They join together, each from a few of its train photos. Their other photos should then be given to them, the photos
    of the classes that stayed should not; nothing of a draw was fitted on any of these. A logistic regression finds the
    weights; then the bias is lowered until no more right answers are lost than `LOSS_BUDGET` allows for each newcomer.
    Where the draws were left with val photos alone, since train photos flatter, it is lowered by one standard error
    more: these are few, and what differs once may differ again.

    Returns:
        Empty where no draw has a class with more photos than one.
    """
    gates = []
    times = -(-_ENROLMENTS // max(1, sum(len(np.unique(draw.foreign_labels)) for draw in draws)))
    for shots in SHOTS:
        rng = np.random.default_rng((seed, shots))
        trials = [trial for draw in draws for trial in _enrolments(draw, shots, times, rng)]
        if trials:
            gates.append(_fit_gate(trials, shots, doubt=not any(draw.known_from_train.any() for draw in draws)))
    return gates


@dataclass(frozen=True, slots=True)
class _Enrolment:
    """m classes that joined a draw together.

    Attributes:
        others: (n, m, 2) features of the photos of the classes that stayed, beside every newcomer.
        rivals: (n,) log-probability of the right answer; infinite where there is none to be lost.
        photos: (n,) whose they are.
        own: (p, 2) features of the newcomers' own photos, beside their newcomer.
        own_rivals: (p,) log-probability of the best class that stayed.
    """

    others: Floats
    rivals: Floats
    photos: Ints
    own: Floats
    own_rivals: Floats


def _enrolments(draw: Draw, shots: int, times: int, rng: np.random.Generator) -> list[_Enrolment]:
    """The classes left out join from other photos of train each time; none where no class has a photo to spare."""
    known, foreign = draw.known, draw.foreign
    means: list[Floats] = []
    own: list[Ints] = []
    for label in np.tile(np.unique(draw.foreign_labels), times):
        photos = np.flatnonzero(draw.foreign_labels == label)
        chosen = rng.permutation(photos[draw.from_train[photos]])[:shots]
        if len(chosen) == shots < len(photos):
            means.append(foreign.vectors[chosen].mean(0))
            own.append(np.setdiff1d(photos, chosen))
    if not means:
        return []
    others = np.stack(newcomer_features(known.vectors, np.array(means), known.statistics), 2)
    beside = np.stack(newcomer_features(foreign.vectors, np.array(means), known.statistics), 2)
    right = known.probabilities.argmax(1) == draw.labels
    rivals = np.where(right, np.log(np.maximum(known.probabilities.max(1), 1e-12)), np.inf)
    own_rivals = np.log(np.maximum(foreign.probabilities.max(1), 1e-12))
    each = len(means) // times
    return [
        _Enrolment(
            others[:, start : start + each],
            rivals,
            draw.photos,
            np.concatenate([beside[own[index], index] for index in range(start, start + each)]),
            np.concatenate([own_rivals[own[index]] for index in range(start, start + each)]),
        )
        for start in range(0, len(means), each)
    ]


def _fit_gate(trials: Sequence[_Enrolment], shots: int, *, doubt: bool) -> Gate:
    from sklearn.linear_model import LogisticRegression

    own = np.concatenate([trial.own for trial in trials])
    features = np.concatenate([own, *(trial.others.reshape(-1, 2) for trial in trials)])
    center, scale = features.mean(0), np.maximum(features.std(0), 1e-9)
    found = LogisticRegression(C=1.0, max_iter=500).fit(
        (features - center) / scale, np.arange(len(features)) < len(own)
    )
    weights = np.maximum(found.coef_[0], 0.0) / scale  # nearer is never a reason against
    bias = float(found.intercept_[0] - center @ weights)
    excess = np.concatenate([(trial.others @ weights).max(1) + bias - trial.rivals for trial in trials])
    excess = np.maximum(excess, -_FAR)
    newcomers = np.repeat([trial.others.shape[1] for trial in trials], [len(trial.rivals) for trial in trials])
    cut = _cut(excess, newcomers, np.ones(len(excess)))
    if doubt:
        cut += _standard_error(excess, newcomers, np.concatenate([trial.photos for trial in trials]))
    bias -= max(0.0, cut + _ROUNDING)
    pairs = int(newcomers.sum())
    lost = sum(int(((trial.others @ weights).max(1) + bias > trial.rivals).sum()) for trial in trials)
    rivals = np.concatenate([trial.own_rivals for trial in trials])
    return Gate(
        shots=shots,
        discriminant=float(weights[0]),
        similarity=float(weights[1]),
        bias=bias,
        simulated_recall=float((own @ weights + bias > rivals).mean()),
        simulated_loss=lost / pairs,
    )


def _cut(excess: Floats, newcomers: Ints, weights: Floats) -> float:
    """What log-odds (n,) must be lowered by, so that the weighted photos above 0 keep within the budget."""
    order = np.argsort(-excess)
    allowed = LOSS_BUDGET * float((weights * newcomers).sum())
    return float(excess[order[np.searchsorted(np.cumsum(weights[order]), allowed, side="right")]])


def _standard_error(excess: Floats, newcomers: Ints, photos: Ints) -> float:
    """Of the cut, by drawing other photos in their place; a photo stands in several draws."""
    rng = np.random.default_rng(0)
    _, which = np.unique(photos, return_inverse=True)
    count = int(which.max()) + 1
    drawn = (np.bincount(rng.integers(count, size=count), minlength=count) for _ in range(_RESAMPLES))
    return float(np.std([_cut(excess, newcomers, times[which].astype(np.float64)) for times in drawn]))
