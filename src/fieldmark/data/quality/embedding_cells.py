"""Which embeddings to compare with which: those of the same cell of an inverted file.

Up to `EXACT` embeddings are one cell, so that every pair is compared. More are divided among about 4 sqrt(N) cells by
the nearest of as many centres; each embedding is compared with the members of its `PROBES` nearest cells (the inverted
file of Jégou, Douze, Schmid, "Product quantization for nearest neighbor search", PAMI 2011, with exact distances
inside). The work grows with N^1.5 in place of N^2. A pair is missed only where neither of the two has the other's cell
among its nearest.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fieldmark.arrays import Float32s, Ints

__all__ = ["EXACT", "PROBES", "cells"]

EXACT = 8192
PROBES = 8

_ROUNDS = 3
_SAMPLE = 32
_BLOCK = 2048


def cells(rows: Float32s, *, exact: int = EXACT, probes: int = PROBES) -> Iterator[tuple[Ints, Ints]]:
    """Yield positions of members of a cell, and of embeddings that are compared with them, some thousands at a time.

    Args:
        rows: (N, D) of length 1, all finite.
        exact: Up to so many are one cell.
        probes: Cells that an embedding is compared with.
    """
    count = len(rows)
    if count <= exact:
        everything: Ints = np.arange(count)
        for start in range(0, count, _BLOCK):
            for other in range(start, count, _BLOCK):
                yield everything[start : start + _BLOCK], everything[other : other + _BLOCK]
        return
    centres = _centres(rows, round(4 * count**0.5))
    nearest = _nearest(rows, centres, min(probes, len(centres)))
    visits = nearest.ravel()
    order = np.argsort(visits, kind="stable")
    starts = np.searchsorted(visits[order], np.arange(len(centres) + 1))
    for cell in range(len(centres)):
        visitors = order[starts[cell] : starts[cell + 1]] // nearest.shape[1]
        members = visitors[nearest[visitors, 0] == cell]
        for start in range(0, len(members), _BLOCK):
            for other in range(0, len(visitors), _BLOCK):
                yield members[start : start + _BLOCK], visitors[other : other + _BLOCK]


def _centres(rows: Float32s, count: int) -> Float32s:
    """Centres (count, D) of spherical k-means after a few rounds on a sample, the same for the same embeddings."""
    random = np.random.default_rng(0)
    chosen = np.sort(random.permutation(len(rows))[: _SAMPLE * count])
    sample = rows if len(chosen) == len(rows) else rows[chosen]
    centres = sample[random.permutation(len(sample))[:count]]
    for _ in range(_ROUNDS):
        cell = _nearest(sample, centres, 1)[:, 0]
        sums = np.zeros_like(centres)
        np.add.at(sums, cell, sample)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), centres)
    return centres


def _nearest(rows: Float32s, centres: Float32s, count: int) -> Ints:
    """Positions (N, count) of the nearest centres, the nearest first."""
    found = np.empty((len(rows), count), dtype=np.int64)
    for start in range(0, len(rows), _BLOCK):
        cosine = rows[start : start + _BLOCK] @ centres.T
        best = np.argpartition(-cosine, count - 1, axis=1)[:, :count]
        near = np.take_along_axis(cosine, best, axis=1)
        found[start : start + _BLOCK] = np.take_along_axis(best, np.argsort(-near, axis=1, kind="stable"), axis=1)
    return found
