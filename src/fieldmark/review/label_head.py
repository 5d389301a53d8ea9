"""The head behind the suggestions of ``label``: softmax regression on the vectors of known and new photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Float32s, Float64s, evenly, softmax
from fieldmark.artifact.gallery import GalleryRow
from fieldmark.layers.softmax_regression import LinearHead, fit_softmax

__all__ = ["KnownVectors", "LabelHead", "fit_label_head"]

_C = 15.0  # what frozen heads start from
_MAX_KNOWN = 5000
"""Known photos that the head learns from. Of more, as many of each class are taken evenly."""


@dataclass(frozen=True, slots=True)
class KnownVectors:
    """The photos that a model knows.

    Attributes:
        rows: Path, label and split of each.
        vectors: (n, d), unit length.
    """

    rows: Sequence[GalleryRow]
    vectors: Float32s

    def thinned(self) -> KnownVectors:
        """Return at most 5,000 of them, evenly of each class."""
        if len(self.rows) <= _MAX_KNOWN:
            return self
        labels = np.unique([row.label for row in self.rows], return_inverse=True)[1]
        each = max(1, _MAX_KNOWN // (int(labels.max()) + 1))
        kept = [np.flatnonzero(labels == label) for label in range(int(labels.max()) + 1)]
        chosen = np.sort(np.concatenate([own[evenly(len(own), each)] for own in kept]))
        return KnownVectors([self.rows[int(row)] for row in chosen], self.vectors[chosen])


@dataclass(frozen=True, slots=True)
class LabelHead:
    """A linear classifier with the names of its classes."""

    classes: tuple[str, ...]
    linear: LinearHead
    scale: float

    def probabilities(self, vectors: Float32s) -> Float64s:
        """Return probabilities (n, K) of vectors (n, d)."""
        return softmax(self.linear(np.asarray(vectors * self.scale, dtype=np.float32)))


def fit_label_head(
    known: KnownVectors, vectors: Float32s, labels: Sequence[str], start: LabelHead | None = None
) -> LabelHead:
    """Fit the head of frozen features on known photos and new labels.

    Args:
        known: Photos of the model.
        vectors: (m, d) of the newly labelled photos.
        labels: Their classes, known or new.
        start: An earlier head of the same model, where the fit starts.
    """
    old = () if start is None else start.classes
    names = dict.fromkeys([*old, *sorted({row.label for row in known.rows}), *labels])
    number = {name: index for index, name in enumerate(names)}
    rows = np.concatenate([known.vectors, vectors.reshape(-1, known.vectors.shape[1])])
    scale = 1.0 / float(np.sqrt(max(float(np.square(rows).sum(1).mean()), 1e-12)))
    target = np.array([number[name] for name in (*(row.label for row in known.rows), *labels)], dtype=np.int64)
    linear = fit_softmax(
        np.asarray(rows * scale, dtype=np.float32),
        target,
        len(names),
        _C,
        start=None if start is None else _widened(start.linear, len(names)),
        max_iter=60,
    )
    return LabelHead(tuple(names), linear, scale)


def _widened(head: LinearHead, classes: int) -> LinearHead:
    """Return the head with rows of zeros for new classes."""
    more = classes - len(head.bias)
    weight = np.concatenate([head.weight, np.zeros((more, head.weight.shape[1]), np.float32)])
    return LinearHead(weight, np.concatenate([head.bias, np.full(more, head.bias.min(), np.float32)]))
