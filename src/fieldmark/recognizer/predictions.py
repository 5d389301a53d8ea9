"""Numbers of many photos, with those that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Floats

__all__ = ["Embeddings", "Scores"]


@dataclass(frozen=True, slots=True)
class Scores:
    """Probabilities of many photos.

    Attributes:
        probabilities: (n, K), calibrated; rows of unreadable photos are NaN.
        errors: Position -> why that photo cannot be read.
        known: (n,) how far each photo's score of being known lies above its threshold; below 0 it is unknown, NaN
            where none was fitted.
    """

    probabilities: Floats
    errors: dict[int, str]
    known: Floats


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Embeddings of many photos.

    Attributes:
        vectors: (n, D) float32 of unit length; rows of unreadable photos are NaN.
        errors: Position -> why that photo cannot be read.
    """

    vectors: NDArray[np.float32]
    errors: dict[int, str]
