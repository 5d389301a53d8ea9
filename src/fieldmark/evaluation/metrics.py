"""Closed-set metrics. All shares are fractions, never percent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from fieldmark.arrays import Floats, Ints
from fieldmark.calibration.temperature import expected_calibration_error
from fieldmark.evaluation.guarantee_metrics import BackOff, SizeShare, back_off_figures, set_figures
from fieldmark.evaluation.intervals import proportion
from fieldmark.uncertainty.guarantees import AnswerOptions, Guarantees

__all__ = ["TOP5_ABOVE", "ConfusedPair", "Metrics", "compute_metrics", "confused_pairs", "with_guarantees"]

TOP5_ABOVE = 10
"""Top-5 accuracy is shown to people only above this number of classes: among few it is high for any model."""


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Two classes that the model confuses.

    Attributes:
        first: The class that is mistaken for the other more often.
        second: The other class.
        first_as_second: Photos of `first` predicted as `second`.
        second_as_first: Photos of `second` predicted as `first`.
        rate: Both numbers together as a share of all photos of both classes.
    """

    first: str
    second: str
    first_as_second: int
    second_as_first: int
    rate: float


@dataclass(frozen=True, slots=True)
class Metrics:
    """The numbers that ``evaluate --json`` prints.

    Attributes:
        num_images: Photos that could be read.
        top1_interval: 95% Wilson interval of the top-1 accuracy.
        ece: Expected calibration error with 15 equal-width bins.
        nll: Mean negative log-likelihood.
        set_coverage: Share of prediction sets that contain the true class; None if the model makes no sets.
        set_size: Mean size of the sets.
        confused_pairs: The most confused pairs first.
        set_level: Target coverage of the sets.
        set_calibration_photos: Number of photos that calibrated the sets.
        set_score: Conformity score of the sets, such as ``lac``.
        set_macro_coverage: Mean over the classes of the coverage of their photos' sets.
        set_coverage_by_class: Class -> coverage of its photos' sets; the target holds for all photos together only.
        set_coverage_by_size: Coverage by size of the set.
        set_size_by_class: Class -> mean size of its photos' sets.
        accuracy_by_rank: Rank -> accuracy at that rank, the class first; empty without a taxonomy.
        hierarchical_error: Mean number of ranks from the predicted class up to an ancestor of the true class.
        back_off: Accuracy of backed-off answers; None without a target accuracy.
    """

    num_images: int
    top1_accuracy: float
    top1_interval: tuple[float, float]
    top5_accuracy: float
    mean_class_accuracy: float
    macro_f1: float
    ece: float
    nll: float
    set_coverage: float | None
    set_size: float | None
    confused_pairs: tuple[ConfusedPair, ...]
    set_level: float | None = None
    set_score: str | None = None
    set_calibration_photos: int | None = None
    set_macro_coverage: float | None = None
    set_coverage_by_class: dict[str, float] = field(default_factory=dict)
    set_coverage_by_size: tuple[SizeShare, ...] = ()
    set_size_by_class: dict[str, float] = field(default_factory=dict)
    accuracy_by_rank: dict[str, float] = field(default_factory=dict)
    hierarchical_error: float | None = None
    back_off: BackOff | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def compute_metrics(probabilities: Floats, labels: Ints, classes: Sequence[str], *, pairs: int = 20) -> Metrics:
    """Metrics of probabilities (n, K) against labels (n,).

    Mean class accuracy and macro F1 average over the classes in `labels`.
    """
    from sklearn.metrics import f1_score, recall_score

    predicted = probabilities.argmax(1)
    present = np.unique(labels)
    correct = predicted == labels
    truth = probabilities[np.arange(len(labels)), labels]
    better = (probabilities > truth[:, None]).sum(1)
    top1 = proportion(int(correct.sum()), len(labels))
    return Metrics(
        num_images=len(labels),
        top1_accuracy=top1.value,
        top1_interval=(top1.low, top1.high),
        top5_accuracy=float((better < 5).mean()),
        mean_class_accuracy=float(recall_score(labels, predicted, labels=present, average="macro", zero_division=0)),
        macro_f1=float(f1_score(labels, predicted, labels=present, average="macro", zero_division=0)),
        ece=expected_calibration_error(probabilities, labels),
        nll=float(-np.log(np.maximum(truth, 1e-12)).mean()),
        set_coverage=None,
        set_size=None,
        confused_pairs=confused_pairs(labels, predicted, classes, limit=pairs),
    )


def with_guarantees(
    metrics: Metrics,
    guarantees: Guarantees,
    probabilities: Floats,
    labels: Ints,
    classes: Sequence[str],
    wanted: AnswerOptions,
) -> Metrics:
    """Add the figures of prediction sets, ranks and back-off.

    Args:
        metrics: Metrics of the same photos.
        guarantees: Of the recognizer.
        probabilities: (n, K).
        labels: (n,).
        classes: K names.
        wanted: Coverage and target accuracy; the model's own where they are None.
    """
    coverage, target = guarantees.coverage_of(wanted), guarantees.target_accuracy_of(wanted)
    sets = guarantees.sets(probabilities, coverage)
    if sets is not None:
        figures = set_figures(sets, labels, classes)
        figures |= {"set_score": guarantees.score.name, "set_calibration_photos": guarantees.photos}
        metrics = replace(metrics, **figures, set_level=coverage)
    if len(guarantees.hierarchy.levels) > 1:
        distances = guarantees.hierarchy.distance(probabilities.argmax(1), labels)
        accuracy = {rank: float((distances <= level).mean()) for level, rank in enumerate(guarantees.hierarchy.levels)}
        metrics = replace(metrics, accuracy_by_rank=accuracy, hierarchical_error=float(distances.mean()))
    if target is not None:
        metrics = replace(metrics, back_off=back_off_figures(guarantees, probabilities, labels, target))
    return metrics


def confused_pairs(
    labels: Ints, predicted: Ints, classes: Sequence[str], *, limit: int = 20
) -> tuple[ConfusedPair, ...]:
    """Pairs of classes by how many photos are mistaken for the other, the most confused first."""
    wrong = predicted != labels
    low, high = np.minimum(labels, predicted)[wrong], np.maximum(labels, predicted)[wrong]
    # Only pairs that occur: a whole confusion matrix of 10,000 classes would fill gigabytes.
    pairs, which, both = np.unique(np.stack([low, high], 1), axis=0, return_inverse=True, return_counts=True)
    low_as_high = np.bincount(which.ravel(), weights=labels[wrong] == low, minlength=len(pairs)).astype(int)
    photos = np.bincount(labels, minlength=len(classes))
    found = []
    for index in np.argsort(-both, kind="stable")[:limit]:
        a, b = int(pairs[index, 0]), int(pairs[index, 1])
        forth = int(low_as_high[index])
        back = int(both[index]) - forth
        rate = float(both[index] / max(1, photos[a] + photos[b]))
        one = (classes[a], classes[b], forth, back) if forth >= back else (classes[b], classes[a], back, forth)
        found.append(ConfusedPair(*one, rate))
    return tuple(found)
