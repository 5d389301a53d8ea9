"""Combine the photos of one specimen."""

from __future__ import annotations

import numpy as np

from fieldmark.arrays import Bools, Float64s, Floats

__all__ = ["INDEPENDENCE", "fuse_photos", "majority_set"]


INDEPENDENCE = 0.25
"""0 counts several photos like one photo, 1 like as many independent observations."""


def fuse_photos(probabilities: Floats, independence: float = INDEPENDENCE) -> Float64s:
    """Return probabilities (K,) of a specimen from those of its photos (m, K).

    The mean of the log-probabilities, times m to the power of `independence`: photos of one specimen share its pose,
    its light and its errors, so m of them are worth more than one and less than m.
    """
    mean = np.log(np.maximum(probabilities.astype(np.float64), 1e-12)).mean(0)
    sharpened = mean * len(probabilities) ** independence
    raised = np.exp(sharpened - sharpened.max())
    return np.asarray(raised / raised.sum())


def majority_set(sets: Bools) -> Bools:
    """Return the classes (K,) in more than half of the photos' prediction sets (m, K).

    If each set misses the correct class with probability a / 2, this one misses it with at most a, however dependent
    the photos are: it misses only if at least half of them do (Markov's inequality).

    Source: Gasparin, Ramdas, "Merging uncertainty sets via majority vote" (2024).
    """
    return np.asarray(2 * sets.sum(0) > len(sets))
