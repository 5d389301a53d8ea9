"""Where the classes lie among the photos' vectors: means, and the spread inside a class and over all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fieldmark.arrays import Float32s, Ints

__all__ = ["ClassGaussians"]


@dataclass(frozen=True)
class ClassGaussians:
    """Means (K, d) and the factors that whiten the spread.

    Attributes:
        means: Of the training photos of each class; NaN for a class without any.
        within: (d, d) symmetric; vectors times it have unit spread inside a class.
        total: (d, d) symmetric; the same for the spread of all photos around `center`.
        center: (d,) mean of all photos.
    """

    means: Float32s
    within: Float32s
    total: Float32s
    center: Float32s

    @classmethod
    def fit(cls, vectors: Float32s, labels: Ints, num_classes: int) -> ClassGaussians:
        """From vectors (n, d) and their classes; both spreads are shrunk as Ledoit and Wolf (2004) do."""
        means = np.full((num_classes, vectors.shape[1]), np.nan, dtype=np.float32)
        for label in np.unique(labels):
            means[label] = vectors[labels == label].mean(0)
        center = vectors.mean(0)
        return cls(means, _whitening(vectors - means[labels]), _whitening(vectors - center), center)

    def without(self, classes: Ints) -> ClassGaussians:
        """The same spread, but some classes have no mean."""
        means = self.means.copy()
        means[classes] = np.nan
        return ClassGaussians(means, self.within, self.total, self.center)

    def distances(self, vectors: Float32s, means: Float32s | None = None) -> Float32s:
        """Squared Mahalanobis distances (n, K); infinite to a class without a mean."""
        turned = vectors @ self.within
        targets = self._turned_means if means is None else means @ self.within
        squares = np.square(turned).sum(1)[:, None] - 2 * turned @ targets.T + np.square(targets).sum(1)
        return np.where(np.isnan(squares), np.inf, np.maximum(squares, 0)).astype(np.float32)

    def background(self, vectors: Float32s) -> Float32s:
        """Squared Mahalanobis distance (n,) to the mean of everything."""
        return np.asarray(np.square((vectors - self.center) @ self.total).sum(1), dtype=np.float32)

    def similarities(self, vectors: Float32s, means: Float32s | None = None) -> Float32s:
        """Cosines (n, K) between unit vectors and the means; -1 for a class without a mean."""
        turned = self._unit_means if means is None else _unit(means)
        return np.asarray(np.nan_to_num(vectors @ turned.T, nan=-1.0))

    @cached_property
    def _turned_means(self) -> Float32s:
        return np.asarray(self.means @ self.within)

    @cached_property
    def _unit_means(self) -> Float32s:
        return _unit(self.means)


def _unit(rows: Float32s) -> Float32s:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def _whitening(rows: Float32s) -> Float32s:
    from sklearn.covariance import ledoit_wolf

    covariance, _ = ledoit_wolf(rows, assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    floor = 1e-6 * max(float(values[-1]), 1e-12)
    return np.asarray((vectors / np.sqrt(np.maximum(values, floor))) @ vectors.T, dtype=np.float32)
