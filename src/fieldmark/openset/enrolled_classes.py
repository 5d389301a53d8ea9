"""Classes that join after training: how they compete with the head.

A newcomer has a mean of few photos beside the old means, all with the same spread, as in linear discriminant analysis.
A gate turns how much nearer a photo lies to the newcomer than to the best old class into the newcomer's odds against
all old classes together; the head's probabilities keep their proportions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Floats, Ints
from fieldmark.openset.class_gaussians import ClassGaussians
from fieldmark.openset.openset_facts import Gate

__all__ = ["ValAnswers", "gate_for", "newcomer_features", "newcomer_odds", "with_newcomers"]


NEAR = 0.01
"""A newcomer below this probability counts as 0, so that photos far from it keep their answers to the digit."""


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
    vectors: Floats, means: Floats, shots: Sequence[int], statistics: ClassGaussians, gates: Sequence[Gate]
) -> Floats:
    """Odds (n, m) of each newcomer against all old classes.

    Args:
        vectors: (n, d).
        means: (m, d) of the newcomers' photos.
        shots: How many photos each mean is of.
        statistics: Of the old classes.
        gates: One at least.
    """
    discriminant, similarity = newcomer_features(vectors, means, statistics)
    chosen = [gate_for(gates, count) for count in shots]
    weights = np.array([[gate.discriminant, gate.similarity, gate.bias] for gate in chosen]).T
    return np.asarray(np.exp(np.clip(discriminant * weights[0] + similarity * weights[1] + weights[2], -50, 50)))


def gate_for(gates: Sequence[Gate], shots: int) -> Gate:
    """The gate for a number of photos: the one with the most shots that is not above it, or with the fewest."""
    ordered = sorted(gates, key=lambda gate: gate.shots)
    return next((gate for gate in reversed(ordered) if gate.shots <= shots), ordered[0])


def newcomer_features(vectors: Floats, means: Floats, statistics: ClassGaussians) -> tuple[Floats, Floats]:
    """How much nearer the newcomers (m, d) are than the best old class: two arrays (n, m)."""
    old = statistics.distances(vectors).min(1, keepdims=True)
    discriminant = (old - statistics.distances(vectors, means)) / 2
    near = statistics.similarities(vectors).max(1, keepdims=True)
    return discriminant, statistics.similarities(vectors, means) - near
