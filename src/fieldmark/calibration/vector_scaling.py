"""Fit vector scaling, and choose between it and one temperature by cross-validation."""

from __future__ import annotations

import numpy as np

from fieldmark.arrays import Float64s, Floats, Ints, evenly, log_softmax
from fieldmark.calibration.logit_scaling import LogitScaling
from fieldmark.calibration.temperature import fit_temperature

__all__ = ["MIN_PHOTOS_PER_CLASS", "choose_scaling", "fit_vector_scaling"]


MIN_PHOTOS_PER_CLASS = 2.0
"""With fewer photos for each class, on average, vector scaling is not tried."""

_MAX_NUMBERS = 400_000  # photos times classes, evenly taken, so that the fits take seconds

_PRIOR_DEVIATIONS = (0.1, 0.3)
"""Standard deviations to try for the prior of the scales (mean 1) and the shifts (mean 0)."""


def fit_vector_scaling(logits: Floats, labels: Ints, deviation: float) -> LogitScaling:
    """Fit a scale and a shift for each class, with a normal prior around the best temperature. A convex problem.

    Source: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks" (ICML 2017), sec. 4.2.

    Args:
        logits: (n, K).
        labels: (n,).
        deviation: Standard deviation of the prior.
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
        gradient = np.concatenate([(slope * values).sum(0), slope.sum(0)]) + flat / deviation**2
        return float(-(log_p * truth).sum() + 0.5 * (flat**2).sum() / deviation**2), gradient

    found = minimize(cost, np.zeros(2 * num_classes), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    scale, shift = base * (1.0 + found.x[:num_classes]), found.x[num_classes:]
    return LogitScaling(kind="vector", scale=scale.tolist(), shift=shift.tolist())


def choose_scaling(logits: Floats, labels: Ints, temperature: float, *, folds: int = 5) -> LogitScaling:
    """Return one temperature, or vector scaling if cross-validation shows that it predicts better.

    It must be better by more than one standard error of the difference in log-likelihood.

    Args:
        logits: (n, K) of photos that took no part in training.
        labels: (n,).
        temperature: The temperature to compare with.
        folds: Number of cross-validation folds.
    """
    plain = LogitScaling.of_temperature(temperature)
    chosen = evenly(len(labels), max(_MAX_NUMBERS // logits.shape[1], int(MIN_PHOTOS_PER_CLASS * logits.shape[1])))
    logits, labels = logits[chosen], labels[chosen]
    if len(labels) < max(folds, MIN_PHOTOS_PER_CLASS * logits.shape[1]):
        return plain
    fold_of = np.random.default_rng(0).permutation(len(labels)) % folds
    baseline = _losses(plain(logits), labels)
    best, least = None, baseline.mean()
    for deviation in _PRIOR_DEVIATIONS:
        losses = _cross_validated_losses(logits, labels, fold_of, deviation)
        error = float((baseline - losses).std() / np.sqrt(len(labels)))
        if baseline.mean() - losses.mean() > error and losses.mean() < least:
            best, least = deviation, losses.mean()
    return plain if best is None else fit_vector_scaling(logits, labels, best)


def _losses(probabilities: Floats, labels: Ints) -> Float64s:
    """Return -log p(truth) for each photo, (n,)."""
    truth = probabilities[np.arange(len(labels)), labels]
    return np.asarray(-np.log(np.maximum(truth, 1e-12)), dtype=np.float64)


def _cross_validated_losses(logits: Floats, labels: Ints, fold_of: Ints, deviation: float) -> Float64s:
    """Return -log p(truth), (n,), of vector scalings that were fitted on the other folds."""
    losses = np.zeros(len(labels))
    for fold in np.unique(fold_of):
        inside, outside = fold_of != fold, fold_of == fold
        scaling = fit_vector_scaling(logits[inside], labels[inside], deviation)
        losses[outside] = _losses(scaling(logits[outside]), labels[outside])
    return losses
