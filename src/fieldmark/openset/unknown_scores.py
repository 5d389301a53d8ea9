"""Scores of how known a photo looks, and the threshold below which it is none of the classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fieldmark.arrays import Floats
from fieldmark.openset.class_gaussians import ClassGaussians
from fieldmark.openset.openset_facts import UnknownFacts

__all__ = ["DEFAULT_SCORE", "JOINED", "KEPT", "KNOWN_SCORES", "Evidence", "fit_unknown", "known_scores", "threshold_at"]


KEPT = 0.95
"""Share of known photos that shall stay known."""

DEFAULT_SCORE = "joint"


@dataclass(frozen=True)
class Evidence:
    """What the scores are made of, for n photos.

    Attributes:
        probabilities: (n, K), calibrated.
        logits: (n, K), divided by the temperature; the weighted mean of several members.
        vectors: (n, d) unit vectors.
        landmarks: (m, d) vectors of known photos.
        statistics: Of the known classes.
    """

    probabilities: Floats
    logits: Floats
    vectors: Floats
    landmarks: Floats
    statistics: ClassGaussians

    @cached_property
    def nearest_class(self) -> Floats:
        """(n,) squared Mahalanobis distance to the nearest class, which several scores are made of."""
        return np.asarray(self.statistics.distances(self.vectors).min(1))


def _max_softmax(photos: Evidence) -> Floats:
    return np.asarray(photos.probabilities.max(1))


def _entropy(photos: Evidence) -> Floats:
    p = np.maximum(photos.probabilities, 1e-12)
    return np.asarray((p * np.log(p)).sum(1))


def _max_logit(photos: Evidence) -> Floats:
    return np.asarray(photos.logits.max(1))


def _energy(photos: Evidence) -> Floats:
    highest = photos.logits.max(1, keepdims=True)
    return np.asarray((highest + np.log(np.exp(photos.logits - highest).sum(1, keepdims=True)))[:, 0])


def _nearest(photos: Evidence) -> Floats:
    return np.asarray((photos.vectors @ photos.landmarks.T).max(1))


def _mahalanobis(photos: Evidence) -> Floats:
    return -photos.nearest_class


def _relative_mahalanobis(photos: Evidence) -> Floats:
    return _mahalanobis(photos) + photos.statistics.background(photos.vectors)


KNOWN_SCORES: Mapping[str, Callable[[Evidence], Floats]] = {
    "max_softmax": _max_softmax,
    "entropy": _entropy,
    "max_logit": _max_logit,
    "energy": _energy,
    "nearest": _nearest,
    "mahalanobis": _mahalanobis,
    "relative_mahalanobis": _relative_mahalanobis,
}
"""Name -> scores (n,); the higher, the more a photo looks like one of the classes.

Sources: max_softmax: Hendrycks and Gimpel (ICLR 2017); max_logit: Hendrycks et al. (ICML 2022); energy: Liu et al.
(NeurIPS 2020); nearest: Sun et al. (ICML 2022); mahalanobis: Lee et al. (NeurIPS 2018); relative_mahalanobis: Ren et
al. (2021). ``entropy`` is minus the entropy of the probabilities.
"""

JOINED: Mapping[str, Mapping[str, float]] = {
    "joint": {"entropy": 1.0, "relative_mahalanobis": 1.0, "mahalanobis": 0.5},
    "entropy_nearest": {"entropy": 1.0, "nearest": 0.5},
}
"""Scores that are weighted sums of others, each of those centred and scaled on val."""


def known_scores(name: str, photos: Evidence, scales: Mapping[str, tuple[float, float]]) -> Floats:
    """Scores (n,) by name, of `KNOWN_SCORES` or `JOINED`."""
    if name in KNOWN_SCORES:
        return KNOWN_SCORES[name](photos)
    total = np.zeros(len(photos.vectors))
    for part, weight in JOINED[name].items():
        center, scale = scales[part]
        total += weight * (KNOWN_SCORES[part](photos) - center) / scale
    return total


def scales_on(photos: Evidence) -> dict[str, tuple[float, float]]:
    """(center, scale) of every score that a joined one is made of."""
    found = {}
    for part in sorted({part for weights in JOINED.values() for part in weights}):
        values = KNOWN_SCORES[part](photos)
        found[part] = (float(values.mean()), max(float(values.std()), 1e-9))
    return found


def threshold_at(scores: Floats, kept: float) -> float:
    """The largest of the scores (n,) such that at least `kept` of them are no lower."""
    ordered = np.sort(scores)
    return float(ordered[int(np.floor((1 - kept) * len(ordered) + 1e-9))])


def fit_unknown(val: Evidence, simulated: Mapping[str, float], score: str, kept: float = KEPT) -> UnknownFacts | None:
    """The threshold of a score on the val photos; None without any."""
    if not len(val.vectors):
        return None
    scales = scales_on(val)
    threshold = threshold_at(known_scores(score, val, scales), kept)
    return UnknownFacts(
        score=score,
        threshold=threshold,
        kept=kept,
        val_photos=len(val.vectors),
        scales=scales,
        simulated=dict(simulated),
    )
