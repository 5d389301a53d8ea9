"""Embeddings of any length as unit vectors of at most 512 numbers, for gallery, distances and enrolling."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Float32s

__all__ = ["MAX_DIM", "Projection", "unit_rows"]


MAX_DIM = 512
_SAMPLE = 5000


def unit_rows(rows: NDArray[np.floating]) -> Float32s:
    """Rows (n, D) at length 1; a row of zeros stays one."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Projection:
    """Centre, turn to the principal components, scale to length 1.

    Attributes:
        mean: (D,).
        components: (d, D), orthonormal rows.
    """

    mean: Float32s
    components: Float32s

    @classmethod
    def fit(cls, embeddings: Float32s, *, limit: int = MAX_DIM) -> Projection:
        """Principal components of at most 5,000 of the embeddings (n, D), evenly taken.

        The same embeddings give the same components, to the digit.
        """
        from sklearn.decomposition import PCA

        rows = unit_rows(embeddings[:: max(1, -(-len(embeddings) // _SAMPLE))])
        dim = max(1, min(limit, rows.shape[1], len(rows) - 1))
        solver = "randomized" if dim < 0.8 * min(rows.shape) else "full"
        found = PCA(dim, svd_solver=solver, iterated_power=3, random_state=0).fit(rows)
        return cls(found.mean_.astype(np.float32), np.ascontiguousarray(found.components_, dtype=np.float32))

    def __call__(self, embeddings: NDArray[np.floating]) -> Float32s:
        """Embeddings (n, D) of any length to unit vectors (n, d)."""
        return unit_rows((unit_rows(embeddings) - self.mean) @ self.components.T)

    @property
    def dim(self) -> int:
        """d, of the vectors that come out."""
        return len(self.components)

    @property
    def width(self) -> int:
        """D, of the embeddings that go in."""
        return int(self.components.shape[1])

    @property
    def key(self) -> str:
        """Of the numbers; vectors of two projections with different keys cannot be compared."""
        content = self.mean.tobytes() + self.components.tobytes()
        return hashlib.blake2b(content, digest_size=8).hexdigest()
