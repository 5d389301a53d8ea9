"""Array types that many files share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bools", "Float32s", "Float64s", "Floats", "Ints", "Pixels", "evenly"]

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
