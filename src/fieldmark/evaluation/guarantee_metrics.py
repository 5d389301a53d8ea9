"""Whether sets and ranks keep what they promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fieldmark.arrays import Bools, Floats, Ints
from fieldmark.evaluation.metrics import Metrics
from fieldmark.uncertainty.backoff import answer_levels
from fieldmark.uncertainty.guarantees import AnswerOptions, Guarantees

__all__ = ["BackOff", "RankShare", "SizeShare", "back_off_figures", "with_trust"]


_SIZES = ((1, 1), (2, 3), (4, 6), (7, 10), (11, 10**9))


@dataclass(frozen=True, slots=True)
class SizeShare:
    """Sets of one range of sizes.

    Attributes:
        smallest: Size of the smallest among them.
        largest: Size of the largest.
        sets: Their number.
        coverage: Share of them that hold the truth.
    """

    smallest: int
    largest: int
    sets: int
    coverage: float


@dataclass(frozen=True, slots=True)
class RankShare:
    """Answers at one rank.

    Attributes:
        rank: ``class``, or a taxonomic level.
        share: Of all photos.
        right: Share of these answers that are right at that rank; None without any.
    """

    rank: str
    share: float
    right: float | None


@dataclass(frozen=True, slots=True)
class BackOff:
    """How answers that climb to what they are sure of keep their word.

    Attributes:
        wanted: Share of answers that shall be right at their rank.
        vouched: Whether held-out photos vouched for the threshold.
        threshold: Probability from which on an answer stands.
        answered: Share of photos that get an answer at any rank.
        right: Share of answers that are right at their rank; None without any.
        by_rank: The finest first.
    """

    wanted: float
    vouched: bool
    threshold: float
    answered: float
    right: float | None
    by_rank: tuple[RankShare, ...]


def with_trust(
    metrics: Metrics,
    trust: Guarantees,
    probabilities: Floats,
    labels: Ints,
    classes: Sequence[str],
    wanted: AnswerOptions,
) -> Metrics:
    """The numbers together with those of sets and ranks.

    Args:
        metrics: From the same photos.
        trust: Of the recognizer.
        probabilities: (n, K).
        labels: (n,).
        classes: K names.
        wanted: Levels; the model's own where it names none.
    """
    coverage, confidence = trust.coverage_of(wanted), trust.confidence_of(wanted)
    sets = trust.sets(probabilities, coverage)
    if sets is not None:
        metrics = replace(_with_sets(metrics, sets, labels, classes), set_level=coverage, set_score=trust.score.name)
    if len(trust.hierarchy.levels) > 1:
        distances = trust.hierarchy.distance(probabilities.argmax(1), labels)
        right = {rank: float((distances <= level).mean()) for level, rank in enumerate(trust.hierarchy.levels)}
        metrics = replace(metrics, accuracy_by_rank=right, hierarchical_error=float(distances.mean()))
    if confidence is not None:
        metrics = replace(metrics, back_off=back_off_figures(trust, probabilities, labels, confidence))
    return metrics


def back_off_figures(trust: Guarantees, probabilities: Floats, labels: Ints, confidence: float) -> BackOff:
    """Answers (n, K) at the lowest rank that is sure enough, against labels (n,)."""
    threshold, vouched = trust.threshold(confidence)
    levels = answer_levels(trust.hierarchy.path(probabilities), threshold)
    right = trust.hierarchy.distance(probabilities.argmax(1), labels) <= levels
    answered = levels < len(trust.hierarchy.levels)
    by_rank = tuple(
        RankShare(rank, float((levels == level).mean()), _share(right[levels == level]))
        for level, rank in enumerate(trust.hierarchy.levels)
    )
    return BackOff(confidence, vouched, threshold, float(answered.mean()), _share(right[answered]), by_rank)


def _with_sets(metrics: Metrics, sets: Bools, labels: Ints, classes: Sequence[str]) -> Metrics:
    held, sizes = sets[np.arange(len(labels)), labels], sets.sum(1)
    by_class = {classes[label]: float(held[labels == label].mean()) for label in np.unique(labels)}
    by_size = []
    for low, high in _SIZES:
        inside = (sizes >= low) & (sizes <= high)
        if inside.any():
            within = sizes[inside]
            by_size.append(
                SizeShare(int(within.min()), int(within.max()), int(inside.sum()), float(held[inside].mean()))
            )
    return replace(
        metrics,
        set_coverage=float(held.mean()),
        set_size=float(sizes.mean()),
        set_coverage_by_class=by_class,
        set_coverage_by_size=tuple(by_size),
    )


def _share(right: Bools) -> float | None:
    return float(right.mean()) if len(right) else None
