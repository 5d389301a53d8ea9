"""Labelled predictions: what a model says about photos whose class is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Bools, Floats, Ints

__all__ = ["Predictions"]


@dataclass(frozen=True, slots=True)
class Predictions:
    """Probabilities with the true labels.

    Attributes:
        probabilities: (n, K); the row of an unreadable photo is NaN.
        labels: (n,) label indices.
    """

    probabilities: Floats
    labels: Ints

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def readable(self) -> Bools:
        """Whether the photo could be read, (n,)."""
        return np.asarray(~np.isnan(self.probabilities).any(1))

    @property
    def predicted(self) -> Ints:
        """The most probable class, (n,); -1 for an unreadable photo."""
        best = np.nan_to_num(self.probabilities, nan=-1.0).argmax(1)
        return np.asarray(np.where(self.readable, best, -1))

    @property
    def correct(self) -> Bools:
        """Whether the prediction is correct, (n,). An unreadable photo counts as wrong."""
        return np.asarray(self.predicted == self.labels)

    @property
    def confidence(self) -> Floats:
        """Probability of the predicted class, (n,)."""
        return np.asarray(self.probabilities.max(1))

    @property
    def label_probability(self) -> Floats:
        """Probability of the true class, (n,)."""
        return np.asarray(self.probabilities[np.arange(len(self)), self.labels])

    @property
    def label_rank(self) -> Ints:
        """Rank of the true class among all classes, (n,); 1 for the most probable."""
        return np.asarray(1 + (self.probabilities > self.label_probability[:, None]).sum(1))

    def rows_called(self, label: int, other: int) -> Ints:
        """Rows of photos of `label` that are predicted as `other`, the most confident first."""
        rows = np.flatnonzero((self.labels == label) & (self.predicted == other))
        return rows[np.argsort(-self.probabilities[rows, other], kind="stable")]
