"""Out-of-distribution scores, and the threshold below which a photo shows none of the classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from fieldmark.arrays import Bools, Floats, Ints
from fieldmark.openset.class_gaussians import ClassGaussians
from fieldmark.scores import UNKNOWN_SCORES, register_unknown_score

__all__ = [
    "DEFAULT_SCORE",
    "KEPT",
    "OpenSetFeatures",
    "UnknownThreshold",
    "fit_threshold",
    "known_scores",
    "scales_on",
    "threshold_at",
]


KEPT = 0.95
"""Share of known photos that must stay known."""

DEFAULT_SCORE = "joint"


class UnknownThreshold(BaseModel):
    """How photos of none of the classes are detected. Part of ``fieldmark.json``.

    Attributes:
        score: Name in `UNKNOWN_SCORES`; a photo is unknown if its score is below `threshold`.
        threshold: The `1 - kept` quantile of the scores of val photos.
        kept: Share of known photos that must stay known.
        val_photos: Number of val photos that the threshold was fitted on.
        scales: Score -> (center, scale) on val, for the scores that are sums of others.
        simulated: Score -> mean AUROC in leave-class-out simulations.
    """

    model_config = ConfigDict(extra="allow")

    score: str = Field(pattern=r"\A[\w.-]{1,64}\z")
    threshold: float
    kept: float = Field(gt=0, lt=1)
    val_photos: int = Field(ge=0, lt=2**40)
    scales: dict[str, tuple[float, Annotated[float, Field(gt=0)]]] = Field(default_factory=dict)
    simulated: dict[str, float] = Field(default_factory=dict)


@dataclass(frozen=True)
class OpenSetFeatures:
    """What the scores are computed from, for n photos.

    Attributes:
        probabilities: (n, K), calibrated.
        logits: (n, K), divided by the temperature; the weighted mean of several members.
        vectors: (n, d) unit vectors.
        reference_vectors: (m, d) unit vectors of training photos.
        gaussians: Of the known classes.
    """

    probabilities: Floats
    logits: Floats
    vectors: Floats
    reference_vectors: Floats
    gaussians: ClassGaussians

    @cached_property
    def nearest_class(self) -> Floats:
        """Squared Mahalanobis distance to the nearest class, (n,); several scores use it."""
        return np.asarray(self.gaussians.distances(self.vectors).min(1))

    def rows(self, which: Bools | Ints) -> OpenSetFeatures:
        """Return the features of some of the photos."""
        return replace(
            self, probabilities=self.probabilities[which], logits=self.logits[which], vectors=self.vectors[which]
        )


@register_unknown_score("max_softmax")
def _max_softmax(photos: OpenSetFeatures) -> Floats:
    """Hendrycks and Gimpel (ICLR 2017)."""
    return np.asarray(photos.probabilities.max(1))


@register_unknown_score("entropy")
def _entropy(photos: OpenSetFeatures) -> Floats:
    """Minus the entropy of the probabilities."""
    p = np.maximum(photos.probabilities, 1e-12)
    return np.asarray((p * np.log(p)).sum(1))


@register_unknown_score("max_logit")
def _max_logit(photos: OpenSetFeatures) -> Floats:
    """Hendrycks et al. (ICML 2022)."""
    return np.asarray(photos.logits.max(1))


@register_unknown_score("energy")
def _energy(photos: OpenSetFeatures) -> Floats:
    """Liu et al. (NeurIPS 2020)."""
    highest = photos.logits.max(1, keepdims=True)
    return np.asarray((highest + np.log(np.exp(photos.logits - highest).sum(1, keepdims=True)))[:, 0])


@register_unknown_score("nearest")
def _nearest(photos: OpenSetFeatures) -> Floats:
    """Sun et al. (ICML 2022)."""
    return np.asarray((photos.vectors @ photos.reference_vectors.T).max(1))


@register_unknown_score("mahalanobis")
def _mahalanobis(photos: OpenSetFeatures) -> Floats:
    """Lee et al. (NeurIPS 2018)."""
    return -photos.nearest_class


@register_unknown_score("relative_mahalanobis")
def _relative_mahalanobis(photos: OpenSetFeatures) -> Floats:
    """Ren et al. (2021)."""
    return _mahalanobis(photos) + photos.gaussians.background(photos.vectors)


register_unknown_score("joint")({"entropy": 1.0, "relative_mahalanobis": 1.0, "mahalanobis": 0.5})
register_unknown_score("entropy_nearest")({"entropy": 1.0, "nearest": 0.5})


def known_scores(name: str, photos: OpenSetFeatures, scales: Mapping[str, tuple[float, float]]) -> Floats:
    """Return the scores (n,) with a name of `UNKNOWN_SCORES`.

    Args:
        name: Name of the score.
        photos: What it is computed from.
        scales: From `scales_on`, for scores that are weighted sums.
    """
    score = UNKNOWN_SCORES.load(name)
    if callable(score):
        return score(photos)
    total = np.zeros(len(photos.vectors))
    for part, weight in score.items():
        center, scale = scales[part]
        total += weight * (known_scores(part, photos, scales) - center) / scale
    return total


def scales_on(photos: OpenSetFeatures) -> dict[str, tuple[float, float]]:
    """Return (center, scale) of every score that is part of a weighted sum."""
    sums = [score for score in UNKNOWN_SCORES.load_all().values() if not callable(score)]
    found = {}
    for part in sorted({part for weights in sums for part in weights}):
        values = known_scores(part, photos, {})
        found[part] = (float(values.mean()), max(float(values.std()), 1e-9))
    return found


def threshold_at(scores: Floats, kept: float, weights: Floats | None = None) -> float:
    """Return the largest of the scores (n,) such that at least a share of `kept`, by weight (n,), reaches it."""
    if weights is None:
        ordered = np.sort(scores)
        return float(ordered[int(np.floor((1 - kept) * len(ordered) + 1e-9))])
    order = np.argsort(scores, kind="stable")
    below = np.cumsum(weights[order]) - weights[order]  # lost if the threshold is this score
    lost = (1 - kept) * float(weights.sum()) * (1 + 1e-9)
    return float(scores[order[np.searchsorted(below, lost, side="right") - 1]])


def fit_threshold(
    val: OpenSetFeatures,
    simulated: Mapping[str, float],
    score: str,
    kept: float = KEPT,
    weights: Floats | None = None,
) -> UnknownThreshold | None:
    """Fit the threshold of a score on val photos, each with its weight (n,) or all alike; None without any photos."""
    if not len(val.vectors):
        return None
    scales = scales_on(val)
    threshold = threshold_at(known_scores(score, val, scales), kept, weights)
    return UnknownThreshold(
        score=score,
        threshold=threshold,
        kept=kept,
        val_photos=len(val.vectors),
        scales=scales,
        simulated=dict(simulated),
    )
