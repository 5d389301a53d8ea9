"""Classes that join after training: how they compete with the head, and what that costs the old classes.

A newcomer has a mean of few photos beside the old means, all with the same spread, as in linear discriminant analysis.
A gate turns how much nearer a photo lies to the newcomer than to the best old class into the newcomer's odds against
all old classes together; the head's probabilities keep their proportions.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """The gate for a number of photos: the one with the most shots that is not above it, or with the fewest."""
    ordered = sorted(gates, key=lambda gate: gate.shots)
    return next((gate for gate in reversed(ordered) if gate.shots <= shots), ordered[0])


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
    known = statistics.distances(val.vectors), statistics.similarities(val.vectors)
    gates = []
    for shots in SHOTS:
        joining, means = _joining(train, labels, val.labels, shots, seed)
        if len(np.unique(joining)) >= 2:
            gates.append(_fit_gate(*_simulated(val, joining, means, statistics, known), shots))
    return gates


def _features(vectors: Floats, means: Floats, statistics: ClassStatistics) -> tuple[Floats, Floats]:
    """How much nearer the newcomers (m, d) are than the best old class: two arrays (n, m)."""
    old = statistics.distances(vectors).min(1, keepdims=True)
    discriminant = (old - statistics.distances(vectors, means)) / 2
    near = statistics.similarities(vectors).max(1, keepdims=True)
    return discriminant, statistics.similarities(vectors, means) - near


def _joining(train: Floats, labels: Ints, val_labels: Ints, shots: int, seed: int) -> tuple[Ints, Floats]:
    """Classes (m,) that join again, some of them often, and the means (m, d) of the photos that they join from."""
    rng = np.random.default_rng((seed, shots))
    classes = np.intersect1d(np.flatnonzero(np.bincount(labels) >= shots), val_labels)
    chosen = classes[evenly(len(classes), _MAX_CLASSES)]
    joining = np.repeat(chosen, -(-_ENROLMENTS // max(1, len(chosen))))
    means = [train[rng.permutation(np.flatnonzero(labels == label))[:shots]].mean(0) for label in joining]
    return joining, np.array(means).reshape(len(joining), train.shape[1])


def _simulated(
    val: ValAnswers, joining: Ints, means: Floats, statistics: ClassStatistics, known: tuple[Floats, Floats]
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Every val photo beside every newcomer: features (n m, 2), whether it is the newcomer's, and its rival (n m,).

    The rival is the log-probability of the right old answer; infinite where there is none to be lost.
    """
    nearest, most_alike = -_highest_without(-known[0], joining), _highest_without(known[1], joining)
    discriminant = (nearest - statistics.distances(val.vectors, means)) / 2
    similarity = statistics.similarities(val.vectors, means) - most_alike
    right = np.where(val.answers == val.labels, np.log(np.maximum(val.confidence, 1e-12)), np.inf)
    is_new = val.labels[:, None] == joining
    rivals = np.where(is_new, np.inf, right[:, None])
    return np.stack([discriminant.ravel(), similarity.ravel()], 1), is_new.ravel(), rivals.ravel()


def _highest_without(values: Floats, classes: Ints) -> Floats:
    """Highest value of each row (n, K) once a class has left, (n, m) for classes (m,)."""
    second, first = np.partition(values, -2, axis=1)[:, -2:].T
    return np.asarray(np.where(values.argmax(1)[:, None] == classes, second[:, None], first[:, None]))


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
