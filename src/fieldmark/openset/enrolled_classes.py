"""Enrolled classes: how classes that were added after training compete with the classes of the head.

An enrolled class has the mean of a few photos. It is compared with the means of the trained classes, all with the same
covariance, as in linear discriminant analysis. A gate turns how much nearer a photo lies to the enrolled class than to
the best trained class into the odds of the enrolled class against all trained classes together. The probabilities of
the trained classes keep their proportions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, Field

from fieldmark.arrays import Floats
from fieldmark.file_name import FileName
from fieldmark.openset.class_gaussians import ClassGaussians

__all__ = ["EnrolledClass", "EnrolmentGate", "enrolled_odds", "enrolment_features", "gate_for", "with_enrolled"]


MIN_PROBABILITY = 0.01
"""A smaller probability of an enrolled class counts as 0, so that photos far from it keep their exact answers."""


class EnrolmentGate(BaseModel):
    """Odds of an enrolled class: exp(discriminant * f + similarity * g + bias). Part of ``fieldmark.json``.

    Attributes:
        shots: Photos that the class was enrolled from; the last gate of the list also serves for more.
        discriminant: Weight of the linear-discriminant score of the enrolled class minus that of the best trained one.
        similarity: Weight of the cosine to the enrolled mean minus that to the nearest trained mean.
        bias: Intercept.
        simulated_recall: Share of photos of a class enrolled in simulation that were assigned to it.
        simulated_loss: Share of photos of other classes whose correct answer one simulated class took.
    """

    shots: int = Field(ge=1, lt=2**31)
    discriminant: float = Field(ge=-1e9, le=1e9)
    similarity: float = Field(ge=-1e9, le=1e9)
    bias: float = Field(ge=-1e9, le=1e9)
    simulated_recall: float
    simulated_loss: float


class EnrolledClass(BaseModel):
    """A class that was added after training. Part of ``fieldmark.json``.

    Attributes:
        label: Its name.
        photos: Number of photos that it was enrolled from.
        file: safetensors file in the folder with their ``vectors`` (n, d).
    """

    label: str = Field(min_length=1)
    photos: int = Field(ge=1, lt=2**31)
    file: FileName


def with_enrolled(probabilities: Floats, odds: Floats) -> Floats:
    """Join probabilities (n, K) and odds (n, m) of enrolled classes to probabilities (n, K + m); rows sum to 1."""
    near = np.where(odds >= MIN_PROBABILITY / (1 - MIN_PROBABILITY), odds, 0.0)
    joined = np.concatenate([probabilities, near], 1)
    total = 1.0 + near.sum(1, keepdims=True)
    return np.where(total > 1.0, joined / total, joined)


def enrolled_odds(
    vectors: Floats, means: Floats, shots: Sequence[int], gaussians: ClassGaussians, gates: Sequence[EnrolmentGate]
) -> Floats:
    """Return the odds (n, m) of each enrolled class against all trained classes.

    Args:
        vectors: (n, d).
        means: (m, d) of the enrolled photos.
        shots: Number of photos of each mean.
        gaussians: Of the trained classes.
        gates: At least one.
    """
    discriminant, similarity = enrolment_features(vectors, means, gaussians)
    chosen = [gate_for(gates, count) for count in shots]
    weights = np.array([[gate.discriminant, gate.similarity, gate.bias] for gate in chosen]).T
    return np.asarray(np.exp(np.clip(discriminant * weights[0] + similarity * weights[1] + weights[2], -50, 50)))


def gate_for(gates: Sequence[EnrolmentGate], shots: int) -> EnrolmentGate:
    """Return the gate with the most shots that are at most `shots`, or the one with the fewest."""
    ordered = sorted(gates, key=lambda gate: gate.shots)
    return next((gate for gate in reversed(ordered) if gate.shots <= shots), ordered[0])


def enrolment_features(vectors: Floats, means: Floats, gaussians: ClassGaussians) -> tuple[Floats, Floats]:
    """Return how much nearer enrolled means (m, d) are than the best trained class: two arrays (n, m)."""
    trained = gaussians.distances(vectors).min(1, keepdims=True)
    discriminant = (trained - gaussians.distances(vectors, means)) / 2
    near = gaussians.similarities(vectors).max(1, keepdims=True)
    return discriminant, gaussians.similarities(vectors, means) - near
