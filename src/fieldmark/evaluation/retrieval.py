"""Retrieval metrics of embeddings. All shares are fractions, never percent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fieldmark.arrays import Floats, Ints
from fieldmark.errors import DataError

__all__ = ["RetrievalMetrics", "compute_retrieval", "ranks_of_matches"]


_BLOCK_BYTES = 64 << 20
"""Memory for similarities."""


@dataclass(frozen=True, slots=True)
class RetrievalMetrics:
    """Each photo is a query for the others of its class among all other photos. All numbers are means over queries.

    Source: Musgrave, Belongie, Lim, "A metric learning reality check" (ECCV 2020), for R-precision and MAP@R.

    Attributes:
        num_images: Number of photos.
        num_queries: Photos whose class has at least one other photo.
        num_classes: Number of classes.
        recall_at_1: Share of queries whose nearest photo is of their class.
        recall_at_2: Share with a photo of their class among the nearest two; likewise 4 and 8.
        r_precision: With R other photos of the class, the share of the class among the nearest R.
        map_at_r: Mean of the precision at each match among the nearest R, divided by R.
    """

    num_images: int
    num_queries: int
    num_classes: int
    recall_at_1: float
    recall_at_2: float
    recall_at_4: float
    recall_at_8: float
    r_precision: float
    map_at_r: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def compute_retrieval(embeddings: Floats, labels: Ints) -> RetrievalMetrics:
    """Compute the metrics of embeddings (n, D) of unit length with labels (n,).

    Args:
        embeddings: Compared by cosine similarity.
        labels: Any integers.

    Raises:
        DataError: No class has two photos.
    """
    rows = []
    for ranks in ranks_of_matches(embeddings, labels):
        count = len(ranks)
        near = ranks[ranks <= count]  # places of matches among the nearest R
        precision = np.arange(1, len(near) + 1) / near
        rows.append([*(ranks[0] <= k for k in (1, 2, 4, 8)), len(near) / count, precision.sum() / count])
    if not rows:
        raise DataError(
            f"expected classes of two photos or more to find one by the other, but each of {len(labels)} photos "
            "is alone in its class: add photos"
        )
    return RetrievalMetrics(len(labels), len(rows), len(np.unique(labels)), *np.mean(rows, axis=0).tolist())


def ranks_of_matches(embeddings: Floats, labels: Ints) -> Iterator[Ints]:
    """Yield for each query the 1-based ranks of the other photos of its class, nearest first.

    Among equally near photos, those of other classes come first, so that an embedding that has collapsed to a point
    scores zero.

    Args:
        embeddings: (n, D) of unit length.
        labels: (n,).
    """
    count = len(labels)
    block = max(1, _BLOCK_BYTES // max(1, 4 * count))
    vectors = np.asarray(embeddings, dtype=np.float32)
    for start in range(0, count, block):
        similarities = vectors[start : start + block] @ vectors.T
        for position, row in enumerate(similarities, start):
            matches = labels == labels[position]
            others = np.sort(row[~matches])
            matches[position] = False
            nearest = np.sort(row[matches])[::-1]
            if len(nearest):
                at_least_as_near = len(others) - np.searchsorted(others, nearest, side="left")
                yield at_least_as_near + np.arange(1, len(nearest) + 1)
