"""Fit a temperature, and measure calibration."""

from __future__ import annotations

import numpy as np

from fieldmark.arrays import Floats, Ints, log_softmax

__all__ = [
    "SIGNIFICANT_SHIFT",
    "calibration_shift",
    "expected_calibration_error",
    "fit_temperature",
    "is_contradicted",
    "negative_log_likelihood",
    "pooled_temperature",
]


SIGNIFICANT_SHIFT = 3.84
"""Likelihood-ratio statistic above which val differs from train: chi-squared, 1 degree of freedom, 95%."""


def negative_log_likelihood(logits: Floats, labels: Ints, weights: Floats | None = None) -> float:
    """Return the mean of -log p(truth), weighted by the weights (n,) if there are any."""
    losses = -log_softmax(logits)[np.arange(len(labels)), labels]
    return float(losses.mean() if weights is None else np.average(losses, weights=weights))


def fit_temperature(logits: Floats, labels: Ints) -> float:
    """Return T > 0 that minimises the negative log-likelihood of logits / T; 1 without photos.

    The result never raises the loss of its own photos. A weak prior, log T ~ N(0, 1), guards against few photos: if
    all of eight answers are correct, the likelihood would make every later answer certain. The prior weighs as much
    as one photo, so it fades as photos are added.

    Source: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks" (ICML 2017), sec. 4.2.

    Args:
        logits: (n, K).
        labels: (n,).
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
    """Fit one temperature on val photos together with out-of-fold logits of train photos.

    There are about ten times as many train photos, but cross-validation sees train photos only. If val was taken
    elsewhere, out-of-fold logits are over-confident. A likelihood-ratio test detects this; then only val is used, and
    the temperature is raised by one standard error, so that it is deliberately under-confident.

    Args:
        logits: (n, K) of val photos.
        labels: (n,) of val photos.
        fold_logits: (m, K) of train photos, by heads that did not see them.
        fold_labels: (m,) of train photos.
    """
    if not len(labels):
        return fit_temperature(fold_logits, fold_labels)
    if not len(fold_labels):
        return fit_temperature(logits, labels)
    if is_contradicted(logits, labels, fold_logits, fold_labels):
        own = fit_temperature(logits, labels)
        step = 0.05
        curvature = (
            _total_loss(logits, labels, own * np.exp(step))
            - 2.0 * _total_loss(logits, labels, own)
            + _total_loss(logits, labels, own * np.exp(-step))
        ) / step**2
        return float(own * np.exp(min(1.0, max(curvature, 1e-12) ** -0.5)))
    return fit_temperature(np.concatenate([logits, fold_logits]), np.concatenate([labels, fold_labels]))


def is_contradicted(logits: Floats, labels: Ints, fold_logits: Floats, fold_labels: Ints) -> bool:
    """Return whether val photos significantly prefer another temperature; see `calibration_shift`."""
    return abs(calibration_shift(logits, labels, fold_logits, fold_labels)) > SIGNIFICANT_SHIFT


def calibration_shift(logits: Floats, labels: Ints, fold_logits: Floats, fold_labels: Ints) -> float:
    """Return the likelihood-ratio statistic by which val photos prefer their own temperature to that of train photos.

    A value above `SIGNIFICANT_SHIFT` is significant. It is negative if val is the more confident one, and 0 without
    val or train photos.

    Args:
        logits: (n, K) of val photos.
        labels: (n,) of val photos.
        fold_logits: (m, K) of train photos, by heads that did not see them.
        fold_labels: (m,) of train photos.
    """
    if not len(labels) or not len(fold_labels):
        return 0.0
    of_folds, own = fit_temperature(fold_logits, fold_labels), fit_temperature(logits, labels)
    found = 2.0 * (_total_loss(logits, labels, of_folds) - _total_loss(logits, labels, own))
    return found if own >= of_folds else -found


def _total_loss(logits: Floats, labels: Ints, temperature: float) -> float:
    """Return the sum of -log p(truth) over all photos."""
    return len(labels) * negative_log_likelihood(logits / temperature, labels)


def expected_calibration_error(
    probabilities: Floats, labels: Ints, bins: int = 15, *, weights: Floats | None = None
) -> float:
    """Return the mean of |accuracy - confidence| over equal-width bins, weighted by their number of photos.

    With weights (n,), a photo counts as many times.

    Source: Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (AAAI 2015).
    """
    confidence = probabilities.max(1)
    correct = probabilities.argmax(1) == labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    each = np.ones(len(labels)) if weights is None else weights
    gaps = np.bincount(which, weights=(correct - confidence) * each, minlength=bins)
    return float(np.abs(gaps).sum() / each.sum()) if len(labels) else 0.0
