"""Classes that join after training: how they compete with the head, and what that costs the old classes.

A newcomer has a mean of few photos beside the old means, all with the same spread, as in linear discriminant analysis.
A gate turns how much nearer a photo lies to the newcomer than to the best old class into the newcomer's odds against
all old classes together; the head's probabilities keep their proportions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fieldmark.artifact.memory_facts import Gate
from fieldmark.recognizer.class_statistics import ClassStatistics, evenly

__all__ = ["LOSS_BUDGET", "ValAnswers", "fit_gates", "gate_for", "newcomer_odds", "with_newcomers"]

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]

SHOTS = (1, 2, 3, 4, 5)
LOSS_BUDGET = 0.0005
"""Share of val photos whose right answer one newcomer may take, in simulation: ten cost half a point at most."""

MARGIN = 1.0
"""Log-odds that must lie between a newcomer and the right answers that it may not take: the extremes of few val photos
look milder than those of the photos to come. Without it, real losses were four times the simulated ones."""

NEAR = 0.01
"""A newcomer below this probability counts as 0, so that photos far from it keep their answers to the digit."""

_MAX_CLASSES = 100
_ENROLMENTS = 60  # simulated at least, with other photos each time where the classes are fewer


@dataclass(frozen=True, slots=True)
class ValAnswers:
    """What the model said of its val photos before anything was enrolled.

    Attributes:
        vectors: (n, d).
        labels: (n,) true classes.
        answers: (n,) most probable classes.
        confidence: (n,) their probabilities.
    """

    vectors: NDArray[np.float32]
    labels: Ints
    answers: Ints
    confidence: Floats


def with_newcomers(probabilities: Floats, odds: Floats) -> Floats:
    """Probabilities (n, K) and newcomers' odds (n, m) to probabilities (n, K + m), rows adding up to 1."""
    near = np.where(odds >= NEAR / (1 - NEAR), odds, 0.0)
    joined = np.concatenate([probabilities, near], 1)
    total = 1.0 + near.sum(1, keepdims=True)
    return np.where(total > 1.0, joined / total, joined)


def newcomer_odds(
    vectors: Floats, means: Floats, shots: Sequence[int], statistics: ClassStatistics, gates: Sequence[Gate]
) -> Floats:
    """Odds (n, m) of each newcomer against all old classes.

    Args:
        vectors: (n, d).
        means: (m, d) of the newcomers' photos.
        shots: How many photos each mean is of.
        statistics: Of the old classes.
        gates: From `fit_gates`.
    """
    discriminant, similarity = _features(vectors, means, statistics)
    chosen = [gate_for(gates, count) for count in shots]
    weights = np.array([[gate.discriminant, gate.similarity, gate.bias] for gate in chosen]).T
    return np.asarray(np.exp(np.clip(discriminant * weights[0] + similarity * weights[1] + weights[2], -50, 50)))


def gate_for(gates: Sequence[Gate], shots: int) -> Gate:
    """The gate for a number of photos: the one with the most shots that is not above it."""
    fitting = [gate for gate in gates if gate.shots <= shots]
    return max(fitting or gates, key=lambda gate: gate.shots)


def fit_gates(
    train: Floats, labels: Ints, val: ValAnswers, statistics: ClassStatistics, *, seed: int = 0
) -> list[Gate]:
    """A gate for each number of photos, from simulated enrolments of the training classes.

    Each class in turn loses its mean and joins again from a few of its training photos. Its val photos should then
    be given to it, all others should not. A logistic regression finds the weights; then its bias is lowered until
    no more right answers are lost than `LOSS_BUDGET` allows, with `MARGIN` to spare.

    Returns:
        Empty where fewer than two classes have both train and val photos.
    """
    gates = []
    for shots in SHOTS:
        pairs = list(_simulated(train, labels, val, statistics, shots, seed))
        if len(pairs) >= 2:
            features, is_new, rivals = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
            gates.append(_fit_gate(features, is_new, rivals, shots))
    return gates


def _features(vectors: Floats, means: Floats, statistics: ClassStatistics) -> tuple[Floats, Floats]:
    """How much nearer the newcomers (m, d) are than the best old class: two arrays (n, m)."""
    old = statistics.distances(vectors).min(1, keepdims=True)
    discriminant = (old - statistics.distances(vectors, means)) / 2
    near = statistics.similarities(vectors).max(1, keepdims=True)
    return discriminant, statistics.similarities(vectors, means) - near


def _simulated(
    train: Floats, labels: Ints, val: ValAnswers, statistics: ClassStatistics, shots: int, seed: int
) -> Iterator[tuple[Floats, NDArray[np.bool_], Floats]]:
    """Features (n, 2), whether it is the newcomer, and the log-probability of the right old answer, class by class."""
    rng = np.random.default_rng((seed, shots))
    counts = np.bincount(labels, minlength=len(statistics.means))
    classes = np.intersect1d(np.flatnonzero(counts >= shots), val.labels)
    right = np.where(val.answers == val.labels, np.log(np.maximum(val.confidence, 1e-12)), np.inf)
    chosen = classes[evenly(len(classes), _MAX_CLASSES)]
    for label in np.repeat(chosen, -(-_ENROLMENTS // max(1, len(chosen)))):
        photos = rng.permutation(np.flatnonzero(labels == label))[:shots]
        mean = train[photos].mean(0, keepdims=True)
        features = _features(val.vectors, mean, statistics.without(np.array([label])))
        is_new = val.labels == label
        yield np.concatenate(features, 1), is_new, np.where(is_new, np.inf, right)


def _fit_gate(features: Floats, is_new: NDArray[np.bool_], rivals: Floats, shots: int) -> Gate:
    from sklearn.linear_model import LogisticRegression

    center, scale = features.mean(0), np.maximum(features.std(0), 1e-9)
    found = LogisticRegression(C=1.0, max_iter=500).fit((features - center) / scale, is_new)
    weights = np.maximum(found.coef_[0], 0.0) / scale  # nearer is never a reason against
    logits = features @ weights
    bias = float(found.intercept_[0] - center @ weights)
    excess = np.sort((logits + bias - rivals)[~is_new])[::-1]
    allowed = int(LOSS_BUDGET * len(excess))
    bias -= max(0.0, float(excess[allowed]) + MARGIN)
    return Gate(
        shots=shots,
        discriminant=float(weights[0]),
        similarity=float(weights[1]),
        bias=bias,
        simulated_recall=float((logits[is_new] + bias > np.log(0.5)).mean()),
        simulated_loss=float((logits + bias > rivals)[~is_new].mean()),
    )
