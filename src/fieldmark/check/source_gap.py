"""Find sources, such as senders or cameras, that explain accuracy: photos of new sources are recognized less often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Float32s, Floats, Ints
from fieldmark.check.label_errors import out_of_fold_probabilities

__all__ = ["SourceGap", "source_gap"]

_MIN_PHOTOS = 50
_MIN_SOURCES = 5
_MIN_GROUPS = 3  # of a class, so that both cross-validations can learn it
_MIN_GAP = 0.02
_STANDARD_ERRORS = 2.0


@dataclass(frozen=True, slots=True)
class SourceGap:
    """Accuracy in two cross-validations of the same photos.

    Attributes:
        at_random: Other photos of a photo's source are among the training photos.
        by_source: None of them is.
        standard_error: Of the difference, over sources.
        sources: Number of sources.
        photos: Number of photos.
    """

    at_random: float
    by_source: float
    standard_error: float
    sources: int
    photos: int

    @property
    def is_significant(self) -> bool:
        gap = self.at_random - self.by_source
        return gap > max(_MIN_GAP, _STANDARD_ERRORS * self.standard_error)


def source_gap(
    embeddings: Float32s, labels: Sequence[int], moments: Sequence[int], sources: Sequence[int], *, seed: int = 0
) -> SourceGap | None:
    """Compare cross-validation at random with cross-validation by source, on frozen features.

    Only photos of classes with at least three sources count, because the other ones cannot be learned from other
    sources. Near-duplicates stay together in both, so that they do not explain the gap.

    Args:
        embeddings: (N, D); rows that are not finite are ignored.
        labels: N labels.
        moments: N numbers; photos with equal numbers show the same moment.
        sources: N numbers; photos with equal numbers have the same source. Each moment lies in one source.
        seed: Seed of the folds.

    Returns:
        None with fewer than 50 such photos, 5 sources or 2 classes.
    """
    rows = _comparable(embeddings, np.asarray(labels), np.asarray(sources))
    names, given = np.unique(np.asarray(labels)[rows], return_inverse=True)
    own = np.asarray(sources)[rows]
    if len(rows) < _MIN_PHOTOS or len(np.unique(own)) < _MIN_SOURCES or len(names) < 2:
        return None
    at_random, by_source = (
        out_of_fold_probabilities(embeddings[rows], given, groups, seed=seed, folds=5).argmax(1) == given
        for groups in (np.asarray(moments)[rows], own)
    )
    gap = at_random.astype(float) - by_source
    return SourceGap(
        float(at_random.mean()),
        float(by_source.mean()),
        _clustered_error(gap, own),
        len(np.unique(own)),
        len(rows),
    )


def _comparable(embeddings: Float32s, labels: Ints, sources: Ints) -> Ints:
    """Return the rows of photos whose class has enough sources."""
    pairs = np.unique(np.stack([labels, sources], 1), axis=0)
    counts = np.bincount(pairs[:, 0], minlength=int(labels.max()) + 1)
    return np.flatnonzero(np.isfinite(embeddings).all(axis=1) & (counts[labels] >= _MIN_GROUPS))


def _clustered_error(values: Floats, clusters: Ints) -> float:
    """Return the standard error of the mean of values (n,) that are alike within clusters (n,)."""
    _, which = np.unique(clusters, return_inverse=True)
    sums = np.bincount(which, weights=values - values.mean())
    return float(np.sqrt(np.square(sums).sum()) / len(values))
