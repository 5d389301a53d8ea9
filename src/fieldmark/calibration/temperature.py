"""Temperature: the one number that makes a network's probabilities mean what they say."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Floats, Ints

__all__ = [
    "CONTRADICTION",
    "contradiction",
    "expected_calibration_error",
    "fit_temperature",
    "log_softmax",
    "negative_log_likelihood",
    "pooled_temperature",
]


CONTRADICTION = 3.84
"""Twice the log-likelihood by which val must prefer its own temperature: chi-squared, 1 degree of freedom, 95 %."""


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


def pooled_temperature(logits: Floats, labels: Ints, fold_logits: Floats, fold_labels: Ints) -> float:
    """The temperature of val photos together with out-of-fold logits of the train photos, which are ten times as many.

    Cross-validation sees train photos alone. Where val was taken in another place, the logits out of folds are surer
    than they may be; a likelihood-ratio test tells, and then val alone counts. What differs once may differ again, so
    that its temperature is then taken one standard error to the side of doubt.

    Args:
        logits: (n, K) of val photos.
        labels: (n,) of val photos.
        fold_logits: (m, K) of train photos, by heads that did not see them.
        fold_labels: (m,) of train photos.
    """
    if not len(labels):
        return fit_temperature(fold_logits, fold_labels)
    if abs(contradiction(logits, labels, fold_logits, fold_labels)) > CONTRADICTION:
        own = fit_temperature(logits, labels)
        step = 0.05
        bend = (
            _surprise(logits, labels, own * np.exp(step))
            - 2.0 * _surprise(logits, labels, own)
            + _surprise(logits, labels, own * np.exp(-step))
        ) / step**2
        return float(own * np.exp(min(1.0, max(bend, 1e-12) ** -0.5)))
    return fit_temperature(np.concatenate([logits, fold_logits]), np.concatenate([labels, fold_labels]))


def contradiction(logits: Floats, labels: Ints, fold_logits: Floats, fold_labels: Ints) -> float:
    """Twice the log-likelihood by which val photos prefer their own temperature to that of train photos.

    More than `CONTRADICTION` is more than chance. Negative where val is the surer one; 0 without photos of either.

    Args:
        logits: (n, K) of val photos.
        labels: (n,) of val photos.
        fold_logits: (m, K) of train photos, by heads that did not see them.
        fold_labels: (m,) of train photos.
    """
    if not len(labels) or not len(fold_labels):
        return 0.0
    of_folds, own = fit_temperature(fold_logits, fold_labels), fit_temperature(logits, labels)
    found = 2.0 * (_surprise(logits, labels, of_folds) - _surprise(logits, labels, own))
    return found if own >= of_folds else -found


def _surprise(logits: Floats, labels: Ints, temperature: float) -> float:
    """Of all photos together, -log p(truth)."""
    return len(labels) * negative_log_likelihood(logits / temperature, labels)


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
