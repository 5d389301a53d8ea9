"""Class Gaussians: the mean of each class, and shared covariances inside the classes and over all photos."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fieldmark.arrays import Float32s, Ints

__all__ = ["ClassGaussians"]


@dataclass(frozen=True)
class ClassGaussians:
    """Means (K, d) and whitening factors of the covariances.

    Attributes:
        means: Mean of the training photos of each class; NaN for a class without any.
        within: (d, d) symmetric; vectors times it have unit covariance inside a class.
        total: (d, d) symmetric; the same for the covariance of all photos around `center`.
        center: Mean of all photos, (d,).
    """

    means: Float32s
    within: Float32s
    total: Float32s
    center: Float32s

    @classmethod
    def fit(cls, vectors: Float32s, labels: Ints, num_classes: int) -> ClassGaussians:
        """Fit on vectors (n, d) and labels (n,), with Ledoit-Wolf shrinkage (2004) of both covariances."""
        means = np.full((num_classes, vectors.shape[1]), np.nan, dtype=np.float32)
        for label in np.unique(labels):
            means[label] = vectors[labels == label].mean(0)
        center = vectors.mean(0)
        return cls(means, _whitening(vectors - means[labels]), _whitening(vectors - center), center)

    def without(self, classes: Ints) -> ClassGaussians:
        """Return the same covariances with the means of some classes removed."""
        means = self.means.copy()
        means[classes] = np.nan
        return ClassGaussians(means, self.within, self.total, self.center)

    def distances(self, vectors: Float32s, means: Float32s | None = None) -> Float32s:
        """Return squared Mahalanobis distances (n, K); infinite to a class without a mean."""
        turned = vectors @ self.within
        targets = self._turned_means if means is None else means @ self.within
        squares = np.square(turned).sum(1)[:, None] - 2 * turned @ targets.T + np.square(targets).sum(1)
        return np.where(np.isnan(squares), np.inf, np.maximum(squares, 0)).astype(np.float32)

    def background(self, vectors: Float32s) -> Float32s:
        """Return squared Mahalanobis distances (n,) to the mean of all photos."""
        return np.asarray(np.square((vectors - self.center) @ self.total).sum(1), dtype=np.float32)

    def similarities(self, vectors: Float32s, means: Float32s | None = None) -> Float32s:
        """Return cosines (n, K) between unit vectors and the means; -1 for a class without a mean."""
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
