"""Typical photos of a class: the medoids of its embeddings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["medoids"]


def medoids(vectors: NDArray[np.floating], count: int) -> list[int]:
    """Choose rows one by one so that the sum of distances to the nearest chosen row falls most.

    The first is the medoid of all rows; each later one covers rows that are far from those before it. This is the
    BUILD phase of PAM (Kaufman, Rousseeuw, "Finding groups in data", 1990) with cosine distances.

    Args:
        vectors: (n, D); rows that are not finite are ignored.
        count: Number of rows to choose, or all rows if there are fewer.
    """
    finite = np.flatnonzero(np.isfinite(vectors).all(axis=1)) if vectors.size else np.zeros(0, np.int64)
    unit = vectors[finite] / np.maximum(np.linalg.norm(vectors[finite], axis=1, keepdims=True), 1e-12)
    distances = np.maximum(1.0 - unit @ unit.T, 0.0)  # (n, n)
    nearest = np.full(len(finite), np.inf)  # distance of each row to the medoids so far
    chosen: list[int] = []
    for _ in range(min(count, len(finite))):
        sums = np.minimum(distances, nearest[:, None]).sum(0)
        sums[chosen] = np.inf
        chosen.append(int(sums.argmin()))
        nearest = np.minimum(nearest, distances[:, chosen[-1]])
    return [int(finite[index]) for index in chosen]
