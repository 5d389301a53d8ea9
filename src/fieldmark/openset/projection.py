"""Project embeddings to unit vectors of at most 512 dimensions, for the gallery, distances and enrolment."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Float32s, unit_rows

__all__ = ["MAX_DIM", "Projection"]

MAX_DIM = 512
_SAMPLE = 5000


@dataclass(frozen=True, slots=True)
class Projection:
    """Centre, project on the principal components, scale to length 1.

    Attributes:
        mean: (D,).
        components: (d, D), orthonormal rows.
    """

    mean: Float32s
    components: Float32s

    @classmethod
    def fit(cls, embeddings: Float32s, *, limit: int = MAX_DIM) -> Projection:
        """Fit on at most 5,000 of the embeddings (n, D), evenly spaced. The result is deterministic."""
        from sklearn.decomposition import PCA

        rows = unit_rows(embeddings[:: max(1, -(-len(embeddings) // _SAMPLE))])
        dim = max(1, min(limit, rows.shape[1], len(rows) - 1))
        solver = "randomized" if dim < 0.8 * min(rows.shape) else "full"
        found = PCA(dim, svd_solver=solver, iterated_power=3, random_state=0, copy=False).fit(rows)
        return cls(found.mean_.astype(np.float32), np.ascontiguousarray(found.components_, dtype=np.float32))

    def __call__(self, embeddings: NDArray[np.floating]) -> Float32s:
        """Return unit vectors (n, d) of embeddings (n, D)."""
        return unit_rows((unit_rows(embeddings) - self.mean) @ self.components.T)

    @property
    def dim(self) -> int:
        """d, the dimension of the vectors."""
        return len(self.components)

    @property
    def width(self) -> int:
        """D, the dimension of the embeddings."""
        return int(self.components.shape[1])

    @property
    def key(self) -> str:
        """Hash of the numbers; vectors of projections with different keys cannot be compared."""
        content = self.mean.tobytes() + self.components.tobytes()
        return hashlib.blake2b(content, digest_size=8).hexdigest()
