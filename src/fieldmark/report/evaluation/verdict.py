"""The verdict of an evaluation in sentences: what the model reaches, whether its promise holds, and what limits it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Ints
from fieldmark.evaluation.data_limits import is_rare
from fieldmark.evaluation.intervals import proportion
from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.evaluation.metrics import Metrics
from fieldmark.evaluation.promises import missed_coverage
from fieldmark.evaluation.result import Evaluation
from fieldmark.report.page import percent

__all__ = ["verdict"]

_LEAST_SHARE = 0.1  # of all mistakes; a cause of fewer does not stand out
_LEAST_COUNT = 3


def verdict(evaluation: Evaluation, trained: Mapping[str, int]) -> list[str]:
    """Return the sentences that open a report.

    Args:
        evaluation: What was measured.
        trained: Class -> number of photos that the model learned from.
    """
    metrics = evaluation.metrics
    kept = None if evaluation.split == "train" else _coverage(metrics)
    limit = _limit(evaluation.predictions, evaluation.records.classes, trained)
    return [sentence for sentence in (_reached(evaluation), kept, limit) if sentence]


def _reached(evaluation: Evaluation) -> str:
    metrics = evaluation.metrics
    low, high = metrics.top1_interval
    return (
        f"The model identifies {percent(metrics.top1_accuracy, 1)} of {metrics.num_images:,} {evaluation.split} photos "
        f"correctly (95% CI {100 * low:.1f}–{percent(high, 1)})."
    )


def _coverage(metrics: Metrics) -> str:
    if metrics.set_coverage is None or metrics.set_level is None:
        return "It promises no coverage, because its calibration set is too small for prediction sets."
    found = proportion(round(metrics.set_coverage * metrics.num_images), metrics.num_images)
    level, share = percent(metrics.set_level), percent(found.value, 1)
    measured = f"{share} of the prediction sets contain the correct class"
    if missed_coverage(metrics) is not None:
        return f"The promised coverage of {level} does not hold: {measured}."
    if found.value < metrics.set_level:
        return f"The promised coverage of {level} holds within chance: {measured}."
    return f"The promised coverage of {level} holds: {measured}."


def _limit(predictions: Predictions, classes: Sequence[str], trained: Mapping[str, int]) -> str:
    wrong = ~predictions.correct
    mistakes = int(wrong.sum())
    if not mistakes:
        return "It makes no mistake here; harder photos would show its limits."
    pairs = np.sort(np.stack([predictions.labels[wrong], predictions.predicted[wrong]], axis=1), axis=1)
    kinds, counts = np.unique(pairs, axis=0, return_counts=True)
    alike = _look_alikes(kinds, counts, classes)
    worst = max(_few_photos(predictions, classes, trained), alike, key=lambda cause: cause.mistakes)
    if worst.mistakes >= max(_LEAST_COUNT, _LEAST_SHARE * mistakes):
        share = f"{worst.mistakes:,} of its {mistakes:,} mistakes"
        return f"What limits it most: {worst.name}; {share} are {worst.where}."
    counted = f"{mistakes:,} mistakes confuse" if mistakes > 1 else "one mistake confuses"
    most = f", most often {alike.pair} ({alike.mistakes})" if alike.mistakes >= _LEAST_COUNT else ""
    pairs_counted = f"{len(kinds):,} pair{'s' if len(kinds) > 1 else ''} of classes"
    return f"No single cause stands out: its {counted} {pairs_counted}{most}."


@dataclass(frozen=True, slots=True)
class _Cause:
    """Mistakes with a common cause: how many, what the cause is called, where they are, and a pair of classes."""

    mistakes: int
    name: str = ""
    where: str = ""
    pair: str = ""


def _few_photos(predictions: Predictions, classes: Sequence[str], trained: Mapping[str, int]) -> _Cause:
    """Mistakes on classes with few training photos, if these classes are worse by more than chance."""
    counts = np.array([trained.get(name, 0) for name in classes])
    known = counts[counts > 0]
    median = float(np.median(known)) if len(known) else 0.0
    order = [int(label) for label in np.argsort(counts, kind="stable")]
    rare = [label for label in order if counts[label] and is_rare(int(counts[label]), median)]
    own = np.isin(predictions.labels, rare)
    correct, total = int(predictions.correct[own].sum()), int(own.sum())
    if not total or proportion(correct, total).high >= float(predictions.correct.mean()):
        return _Cause(0)
    which = "the class" if len(rare) == 1 else f"the {len(rare)} classes"
    least = f"{classes[rare[0]]} ({counts[rare[0]]})"
    where = f"photos of {which} with few of them, {'' if len(rare) == 1 else 'such as '}{least}"
    return _Cause(total - correct, "few training photos", where)


def _look_alikes(kinds: Ints, counts: Ints, classes: Sequence[str]) -> _Cause:
    """Mistakes of the pair that has the most.

    Args:
        kinds: (m, 2) pairs of labels that are confused.
        counts: (m,) their mistakes in both directions.
        classes: Names.
    """
    worst = int(counts.argmax())
    pair = " and ".join(classes[label] for label in kinds[worst])
    return _Cause(int(counts[worst]), f"{pair} look alike", "between these two", pair)
