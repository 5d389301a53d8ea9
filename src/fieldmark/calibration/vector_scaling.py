"""From the members' common log-probabilities to calibrated ones: one temperature, or a scale and a shift a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Floats, Ints
from fieldmark.calibration.temperature import fit_temperature, log_softmax

__all__ = ["MIN_PHOTOS_A_CLASS", "Scaling", "choose_scaling", "fit_vector"]


MIN_PHOTOS_A_CLASS = 2.0
"""With fewer photos, on average, two numbers a class are not even tried."""

STRENGTHS = (0.1, 0.3)
"""Standard deviations of the prior of every class's scale around 1 and shift around 0."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Logits z (n, K) become ``scale * z + shift`` before the softmax.

    Attributes:
        kind: ``temperature`` or ``vector``.
        scale: (1,) or (K,).
        shift: (1,) or (K,).
    """

    kind: Literal["temperature", "vector"]
    scale: NDArray[np.float64]
    shift: NDArray[np.float64]

    @classmethod
    def of_temperature(cls, temperature: float) -> Scaling:
        return cls("temperature", np.array([1.0 / temperature]), np.zeros(1))

    def __call__(self, logits: Floats) -> NDArray[np.float64]:
        """Calibrated probabilities (n, K)."""
        return np.asarray(np.exp(log_softmax(logits * self.scale + self.shift)))


def fit_vector(logits: Floats, labels: Ints, strength: float) -> Scaling:
    """Vector scaling, held near the temperature by a normal prior. A convex problem.

    Source: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks" (ICML 2017), sec. 4.2.
    """
    from scipy.optimize import minimize

    base = 1.0 / fit_temperature(logits, labels)
    values = base * logits.astype(np.float64)
    count, num_classes = values.shape
    truth = np.zeros_like(values)
    truth[np.arange(count), labels] = 1.0

    def cost(flat: Floats) -> tuple[float, Floats]:
        scale, shift = 1.0 + flat[:num_classes], flat[num_classes:]
        log_p = log_softmax(values * scale + shift)
        slope = np.exp(log_p) - truth
        gradient = np.concatenate([(slope * values).sum(0), slope.sum(0)]) + flat / strength**2
        return float(-(log_p * truth).sum() + 0.5 * (flat**2).sum() / strength**2), gradient

    found = minimize(cost, np.zeros(2 * num_classes), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return Scaling("vector", base * (1.0 + found.x[:num_classes]), found.x[num_classes:])


def choose_scaling(logits: Floats, labels: Ints, temperature: float, *, folds: int = 5) -> Scaling:
    """Temperature, or vector scaling where cross-validation says that it predicts clearly better.

    Clearly: by more than one standard error of the difference in log-likelihood.

    Args:
        logits: (n, K) of photos that took no part in training.
        labels: (n,).
        temperature: What vector scaling must beat.
        folds: Of the cross-validation.
    """
    plain = Scaling.of_temperature(temperature)
    if len(labels) < max(folds, MIN_PHOTOS_A_CLASS * logits.shape[1]):
        return plain
    fold_of = np.random.default_rng(0).permutation(len(labels)) % folds
    known = _surprise(plain(logits), labels)
    best, least = None, known.mean()
    for strength in STRENGTHS:
        surprise = _vector_surprise(logits, labels, fold_of, strength)
        error = float((known - surprise).std() / np.sqrt(len(labels)))
        if known.mean() - surprise.mean() > error and surprise.mean() < least:
            best, least = strength, surprise.mean()
    return plain if best is None else fit_vector(logits, labels, best)


def _surprise(probabilities: Floats, labels: Ints) -> NDArray[np.float64]:
    """-log p(truth) (n,)."""
    truth = probabilities[np.arange(len(labels)), labels]
    return np.asarray(-np.log(np.maximum(truth, 1e-12)), dtype=np.float64)


def _vector_surprise(logits: Floats, labels: Ints, fold_of: Ints, strength: float) -> NDArray[np.float64]:
    """-log p(truth) (n,) of each photo by a vector scaling that did not see it."""
    surprise = np.zeros(len(labels))
    for fold in np.unique(fold_of):
        inside, outside = fold_of != fold, fold_of == fold
        scaling = fit_vector(logits[inside], labels[inside], strength)
        surprise[outside] = _surprise(scaling(logits[outside]), labels[outside])
    return surprise
