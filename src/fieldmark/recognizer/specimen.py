"""One answer from several photos of one specimen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Bools, Floats

__all__ = ["INDEPENDENCE", "fuse_photos", "majority_set"]


INDEPENDENCE = 0.25
"""0 counts several photos like one, 1 like as many independent witnesses."""


def fuse_photos(probabilities: Floats, independence: float = INDEPENDENCE) -> NDArray[np.float64]:
    """Probabilities (K,) of a specimen from those of its photos (m, K).

    The mean of the log-probabilities, times m to the power of `independence`: photos of one specimen share its pose,
    its light and its mistakes, so m of them are worth more than one and less than m.
    """
    mean = np.log(np.maximum(probabilities.astype(np.float64), 1e-12)).mean(0)
    sharpened = mean * len(probabilities) ** independence
    raised = np.exp(sharpened - sharpened.max())
    return np.asarray(raised / raised.sum())


def majority_set(sets: Bools) -> Bools:
    """Classes (K,) in more than half of the photos' sets (m, K).

    Where each set misses the truth with probability a / 2, this one misses it with at most a, however much the photos
    have in common: it misses only where at least half of them do (Markov's inequality).

    Source: Gasparin, Ramdas, "Merging uncertainty sets via majority vote" (2024).
    """
    return np.asarray(2 * sets.sum(0) > len(sets))
