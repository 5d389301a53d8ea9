"""Combine the members of a model: weighted means of their calibrated probabilities and of their logits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fieldmark.arrays import Floats, softmax

__all__ = ["fuse", "mean_logits"]


def fuse(logits: Sequence[Floats], temperatures: Sequence[float], weights: Sequence[float]) -> Floats:
    """Return the weighted mean of the members' calibrated probabilities.

    Args:
        logits: (n, K) of each member, averaged over its views.
        temperatures: One for each member.
        weights: One for each member; they need not sum to 1.

    Returns:
        (n, K); each row sums to 1.
    """
    total = sum(weights)
    parts = zip(logits, temperatures, weights, strict=True)
    mixed = [softmax(values / temperature) * (weight / total) for values, temperature, weight in parts]
    return np.asarray(np.sum(mixed, axis=0))


def mean_logits(logits: Sequence[Floats], temperatures: Sequence[float], weights: Sequence[float]) -> Floats:
    """Return the weighted mean (n, K) of the members' logits, each divided by its temperature."""
    parts = zip(logits, temperatures, weights, strict=True)
    mixed = [values.astype(np.float64) / temperature * (weight / sum(weights)) for values, temperature, weight in parts]
    return np.asarray(np.sum(mixed, axis=0))
