"""Temperature: the one number that makes a network's probabilities mean what they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["expected_calibration_error", "fit_temperature", "log_softmax", "negative_log_likelihood"]

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]


def log_softmax(logits: Floats) -> NDArray[np.float64]:
    """Log-probabilities (n, K) in double precision."""
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))


def negative_log_likelihood(logits: Floats, labels: Ints) -> float:
    """Mean of -log p(truth)."""
    return float(-log_softmax(logits)[np.arange(len(labels)), labels].mean())


def fit_temperature(logits: Floats, labels: Ints) -> float:
    """T > 0 that fits the negative log-likelihood of logits / T; 1 without photos. Never raises that of its photos.

    A weak prior, log T ~ N(0, 1), stands against few photos: where all of eight answers are right, the likelihood
    alone would make every later answer certain. It weighs as much as one photo and fades as photos come.

    Source: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks" (ICML 2017), sec. 4.2.
    """
    from scipy.optimize import minimize_scalar

    if not len(labels):
        return 1.0

    def cost(log_t: float) -> float:
        prior = 0.5 * log_t * log_t / len(labels)
        return negative_log_likelihood(logits / np.exp(log_t), labels) + prior

    found = minimize_scalar(cost, bounds=(-4.0, 4.0), method="bounded")
    return float(np.exp(found.x)) if cost(found.x) < cost(0.0) else 1.0


def expected_calibration_error(probabilities: Floats, labels: Ints, bins: int = 15) -> float:
    """Mean over equal-width bins, weighted by their photos, of |accuracy - confidence|.

    Source: Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (AAAI 2015).
    """
    confidence = probabilities.max(1)
    correct = probabilities.argmax(1) == labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    weights = np.bincount(which, minlength=bins)
    gaps = np.bincount(which, weights=correct - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / max(1, weights.sum()))
