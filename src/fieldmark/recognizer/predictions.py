"""Scores and embeddings of many photos, including those that cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Bools, Float32s, Floats
from fieldmark.openset.open_set_classifier import OpenSetOutputs
from fieldmark.recognizer.run_photos import PhotoOutputs

__all__ = ["Embeddings", "Scores"]


@dataclass(frozen=True, slots=True)
class Scores:
    """Probabilities of many photos.

    Attributes:
        probabilities: (n, K), calibrated; rows of unreadable photos are NaN.
        errors: Position -> why that photo cannot be read.
        unknown: (n,) whether a photo shows none of the classes, False for unreadable photos; None if the model has no
            threshold.
    """

    probabilities: Floats
    errors: dict[int, str]
    unknown: Bools | None

    @classmethod
    def of(cls, found: PhotoOutputs[OpenSetOutputs], count: int, num_classes: int) -> Scores:
        """Put the outputs of the readable photos at their positions among `count` photos."""
        probabilities, unknown = np.full((count, num_classes), np.nan), None
        if found.outputs is not None:
            probabilities[found.positions] = found.outputs.probabilities
            if found.outputs.unknown is not None:
                unknown = np.zeros(count, dtype=np.bool_)
                unknown[found.positions] = found.outputs.unknown
        return cls(probabilities, found.errors, unknown)

    def of_positions(self, positions: Sequence[int]) -> Scores:
        """Return the scores of some of the photos."""
        rows = list(positions)
        errors = {row: self.errors[position] for row, position in enumerate(rows) if position in self.errors}
        return Scores(self.probabilities[rows], errors, None if self.unknown is None else self.unknown[rows])

    def is_unknown(self, position: int) -> bool | None:
        """Return whether one photo shows none of the classes; None if the model has no threshold."""
        return None if self.unknown is None else bool(self.unknown[position])


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Embeddings of many photos.

    Attributes:
        vectors: (n, D) float32 of unit length; rows of unreadable photos are NaN. D is 0 if no photo is readable.
        errors: Position -> why that photo cannot be read.
    """

    vectors: Float32s
    errors: dict[int, str]

    @classmethod
    def of(cls, found: PhotoOutputs[Floats], count: int) -> Embeddings:
        """Put the vectors of the readable photos at their positions among `count` photos."""
        width = 0 if found.outputs is None else found.outputs.shape[1]
        vectors = np.full((count, width), np.nan, dtype=np.float32)
        if found.outputs is not None:
            vectors[found.positions] = found.outputs
        return cls(vectors, found.errors)
