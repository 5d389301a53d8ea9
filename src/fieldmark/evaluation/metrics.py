"""The numbers of a closed-set evaluation. Fractions, never percent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldmark.arrays import Floats, Ints
from fieldmark.calibration.temperature import expected_calibration_error

if TYPE_CHECKING:
    from fieldmark.evaluation.guarantee_metrics import BackOff, SizeShare

__all__ = ["ConfusedPair", "Metrics", "compute_metrics", "confused_pairs", "wilson_interval"]


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Two classes that are taken for each other.

    Attributes:
        first: The class that is mistaken more often.
        second: The class that it is mistaken for.
        first_as_second: Photos of `first` called `second`.
        second_as_first: The other way round.
        rate: Both numbers over all photos of both classes.
    """

    first: str
    second: str
    first_as_second: int
    second_as_first: int
    rate: float


@dataclass(frozen=True, slots=True)
class Metrics:
    """What ``evaluate --json`` prints.

    Attributes:
        num_images: Photos that could be read.
        top1_interval: 95 % Wilson interval of the top-1 accuracy.
        ece: Expected calibration error, 15 equal-width bins.
        nll: Mean negative log-likelihood.
        set_coverage: Share of conformal sets that hold the truth; None where the model makes no sets.
        set_size: Mean size of the sets.
        confused_pairs: The worst first.
        set_level: Coverage that the sets promise.
        set_score: Conformity score that they are made by: ``lac``, ``aps`` or ``raps``.
        set_coverage_by_class: Class -> share of its photos' sets that hold it; the promise is for all together.
        set_coverage_by_size: The same by size of the set.
        accuracy_by_rank: Rank -> share of best answers that are right there, the class first; empty without ancestors.
        hierarchical_error: Mean number of levels from the answer up to an ancestor that it shares with the truth.
        back_off: How answers that climb keep their word; None where no confidence is asked for.
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
    set_coverage_by_class: dict[str, float] = field(default_factory=dict)
    set_coverage_by_size: tuple[SizeShare, ...] = ()
    accuracy_by_rank: dict[str, float] = field(default_factory=dict)
    hierarchical_error: float | None = None
    back_off: BackOff | None = None

    def to_dict(self) -> dict[str, Any]:
        from dataclasses import asdict

        return asdict(self)


def compute_metrics(probabilities: Floats, labels: Ints, classes: Sequence[str], *, pairs: int = 20) -> Metrics:
    """All numbers from probabilities (n, K) and labels (n,).

    Mean class accuracy and macro-F1 are over the classes that occur in `labels`.
    """
    from sklearn.metrics import f1_score, recall_score

    predicted = probabilities.argmax(1)
    present = np.unique(labels)
    correct = predicted == labels
    truth = probabilities[np.arange(len(labels)), labels]
    better = (probabilities > truth[:, None]).sum(1)
    return Metrics(
        num_images=len(labels),
        top1_accuracy=float(correct.mean()),
        top1_interval=wilson_interval(int(correct.sum()), len(labels)),
        top5_accuracy=float((better < 5).mean()),
        mean_class_accuracy=float(recall_score(labels, predicted, labels=present, average="macro", zero_division=0)),
        macro_f1=float(f1_score(labels, predicted, labels=present, average="macro", zero_division=0)),
        ece=expected_calibration_error(probabilities, labels),
        nll=float(-np.log(np.maximum(truth, 1e-12)).mean()),
        set_coverage=None,
        set_size=None,
        confused_pairs=confused_pairs(labels, predicted, classes, limit=pairs),
    )


def confused_pairs(
    labels: Ints, predicted: Ints, classes: Sequence[str], *, limit: int = 20
) -> tuple[ConfusedPair, ...]:
    """Pairs of classes by the number of photos that are taken for the other, the most first."""
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


def wilson_interval(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson 1927); (0, 1) without photos."""
    if not total:
        return (0.0, 1.0)
    share = hits / total
    denominator = 1 + z * z / total
    centre = (share + z * z / (2 * total)) / denominator
    half = z * np.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / denominator
    return (max(0.0, float(centre - half)), min(1.0, float(centre + half)))
