"""The headline numbers of an evaluation, each with its confidence interval."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fieldmark.evaluation.intervals import Interval, bootstrap_interval, class_means, macro_f1, proportion
from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.evaluation.metrics import TOP5_ABOVE, Metrics
from fieldmark.evaluation.promises import missed_coverage
from fieldmark.report.page import percent

__all__ = ["Headline", "headlines"]


@dataclass(frozen=True, slots=True)
class Headline:
    """A number with its name, its interval in words, what it means, and whether it breaks a promise."""

    name: str
    value: str
    interval: str
    meaning: str
    broken: bool = False


def headlines(predictions: Predictions, metrics: Metrics) -> list[Headline]:
    """Return the numbers that a reader sees first."""
    correct, count = predictions.correct, len(predictions)
    by_class = bootstrap_interval(class_means(correct.astype(np.float64), predictions.labels), count)
    f1 = bootstrap_interval(macro_f1(predictions.predicted, predictions.labels), count)
    top5, many = _proportion(metrics.top5_accuracy, count), predictions.probabilities.shape[1] > TOP5_ABOVE
    found = [
        _share("Top-1 accuracy", proportion(int(correct.sum()), count), "the first candidate is correct"),
        *([_share("Top-5 accuracy", top5, "one of the first five is correct")] if many else []),
        _share("Mean class accuracy", by_class, "every class counts equally"),
        Headline("Macro F1", f"{f1.value:.3f}", f"95% CI {f1.low:.3f}–{f1.high:.3f}", "counts false alarms too"),
        Headline("Calibration error", f"{metrics.ece:.3f}", "ECE, 15 bins", "gap between confidence and accuracy"),
    ]
    if metrics.set_coverage is not None and metrics.set_level is not None:
        coverage = _proportion(metrics.set_coverage, count)
        share = _share("Set coverage", coverage, f"target {percent(metrics.set_level)}")
        found.append(replace(share, broken=missed_coverage(metrics) is not None))
    if metrics.set_macro_coverage is not None:
        lowest = min(metrics.set_coverage_by_class.values())
        macro, meaning = percent(metrics.set_macro_coverage, 1), "every class counts equally"
        found.append(Headline("Mean class coverage", macro, f"lowest class {percent(lowest)}", meaning))
    return found


def _proportion(share: float, count: int) -> Interval:
    return proportion(round(share * count), count)


def _share(name: str, found: Interval, meaning: str) -> Headline:
    interval = f"95% CI {100 * found.low:.1f}–{percent(found.high, 1)}"
    return Headline(name, percent(found.value, 1), interval, meaning)
