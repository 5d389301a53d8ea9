"""Classes of unequal numbers of photos: the accuracy that counts each class equally, and heads and logits for it."""

from __future__ import annotations

from typing import Literal

import numpy as np

from fieldmark.arrays import Bools, Float64s, Floats, Ints
from fieldmark.layers.softmax_regression import LinearHead, RowSource, fit_softmax

__all__ = [
    "BALANCES",
    "STRENGTHS",
    "Metric",
    "accuracy",
    "accuracy_error",
    "adjusted",
    "answers",
    "choose_strength",
    "class_shares",
    "fit_head",
    "predicted",
]

Metric = Literal["top1", "mean_class"]
"""The share of correct photos, or its mean over the classes."""

BALANCES = (0.0, 0.5, 1.0)
"""Powers to try: a photo weighs as much as the inverse share of its class to this power. 0 is the usual head."""

STRENGTHS = (1.0, 0.5, 1.5, 0.0, 2.0)
"""Factors of the logit adjustment to try. 1 is optimal for calibrated probabilities, so it comes first."""


def class_shares(labels: Ints, num_classes: int) -> Float64s:
    """Return how often each class occurs among the labels (n,), (K,). A class without photos counts as one photo."""
    counts = np.maximum(np.bincount(labels, minlength=num_classes), 1).astype(np.float64)
    return np.asarray(counts / counts.sum())


def adjusted(logits: Floats, shares: Floats, strength: float = 1.0) -> Floats:
    """Return logits (n, K) for classes that are all equally frequent, given their shares in training, (K,).

    A head whose bias is not penalised gives the same answers if it learns with the logit-adjusted loss instead.

    Source: Menon et al., "Long-tail learning via logit adjustment" (ICLR 2021), eq. 9.

    Args:
        logits: Logits or log probabilities for the shares of the training photos.
        shares: (K,), above 0.
        strength: Factor on the logarithm of the shares, tau of the paper.
    """
    return np.asarray(logits - strength * np.log(shares))


def predicted(logits: Floats, labels: Ints, metric: Metric) -> Ints:
    """Return the class of each row (n, K) that is best for the metric. The labels (n,) give only the class shares."""
    shown = logits if metric == "top1" else adjusted(logits, class_shares(labels, logits.shape[1]))
    return np.asarray(shown.argmax(1))


def answers(probabilities: Floats, shares: Floats, metric: Metric) -> Ints:
    """Return the best class for the metric, (n,), from probabilities (n, K) for shares of the classes, (K,)."""
    shown = probabilities if metric == "top1" else probabilities / shares
    return np.asarray(shown.argmax(1))


def accuracy(correct: Bools | Floats, labels: Ints, metric: Metric) -> float:
    """Return the metric, from whether each photo (n,) is answered correctly, or from the gain of an answer."""
    return float(correct.mean()) if metric == "top1" else float(correct @ _photo_weights(labels))


def accuracy_error(disagree: Bools, labels: Ints, metric: Metric) -> float:
    """Return the standard error of the difference of two accuracies that disagree on these photos, (n,)."""
    if metric == "top1":
        return float(np.sqrt(disagree.mean() / len(labels)))
    return float(np.sqrt(disagree @ _photo_weights(labels) ** 2))


def choose_strength(log_probabilities: Floats, labels: Ints, shares: Floats) -> float:
    """Return the strength of the logit adjustment with the best mean class accuracy.

    It is 1 unless another one is better by half a standard error.

    Args:
        log_probabilities: (n, K), calibrated, of photos that the heads did not learn from.
        labels: (n,).
        shares: (K,) of the classes in training.
    """
    if not len(labels):
        return STRENGTHS[0]
    correct = [adjusted(log_probabilities, shares, strength).argmax(1) == labels for strength in STRENGTHS]
    reached = [accuracy(each, labels, "mean_class") for each in correct]
    margins = [0.5 * accuracy_error(each != correct[0], labels, "mean_class") for each in correct]
    gains = np.array([one - reached[0] - margin for one, margin in zip(reached, margins, strict=True)])
    return STRENGTHS[int(gains.argmax())]


def fit_head(
    rows: RowSource | Floats,
    labels: Ints,
    num_classes: int,
    C: float,
    *,
    balance: float = 0.0,
    start: LinearHead | None = None,
    max_iter: int = 150,
    device: str = "cpu",
) -> LinearHead:
    """Return a softmax regression with logits for the shares of the training photos, whatever its balance.

    A photo weighs as much as the inverse share of its class to the power `balance`. The bias then moves back, so that
    the logits of all heads mean the same. The other arguments are those of `fit_softmax`.
    """
    if not balance or not len(labels):
        return fit_softmax(rows, labels, num_classes, C, start=start, max_iter=max_iter, device=device)
    shares = class_shares(labels, num_classes)
    shift = (balance * np.log(shares)).astype(np.float32)
    weights = (shares**-balance)[labels]
    begin = None if start is None else LinearHead(start.weight, start.bias - shift)
    head = fit_softmax(
        rows,
        labels,
        num_classes,
        C,
        weights=weights / weights.mean(),
        start=begin,
        max_iter=max_iter,
        device=device,
    )
    return LinearHead(head.weight, head.bias + shift)


def _photo_weights(labels: Ints) -> Float64s:
    """Return weights (n,) by which every class that occurs counts the same; they sum to 1."""
    _, which, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / (counts[which] * len(counts)))
