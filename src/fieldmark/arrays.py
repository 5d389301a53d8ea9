"""Array types, and small functions of arrays that many files share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bools", "Float32s", "Float64s", "Floats", "Ints", "Pixels", "evenly", "log_softmax", "softmax", "unit_rows"]

Floats = NDArray[np.floating]
"""Real numbers of any precision."""
Float32s = NDArray[np.float32]
Float64s = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Pixels = NDArray[np.uint8]
"""Images (H, W, 3), or batches of them."""


def evenly(count: int, limit: int) -> Ints:
    """Positions of at most `limit` of `count` things, evenly taken."""
    return np.unique(np.linspace(0, count - 1, min(count, limit)).astype(np.int64)) if count else np.zeros(0, np.int64)


def log_softmax(logits: Floats) -> Float64s:
    """Return log-probabilities (n, K) of logits (n, K), in double precision."""
    shifted = logits.astype(np.float64) - logits.max(1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))


def softmax(logits: Floats) -> Float64s:
    """Return probabilities (n, K) of logits (n, K), in double precision."""
    return np.asarray(np.exp(log_softmax(logits)))


def unit_rows(rows: Floats) -> Float32s:
    """Return rows (n, D) scaled to length 1; rows of zeros stay zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths > 1e-12, lengths, np.inf), dtype=np.float32)
