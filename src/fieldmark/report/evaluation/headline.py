"""The numbers at the top of the page, each with its interval, and what the candidate sets keep of their promise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldmark.evaluation.intervals import Interval, bootstrap_interval, class_means, macro_f1, proportion
from fieldmark.evaluation.metrics import Metrics
from fieldmark.report.evaluation.result_tables import Answers
from fieldmark.report.page import percent
from fieldmark.uncertainty.guarantees import Guarantees

__all__ = ["Headline", "Level", "coverage_levels", "headlines"]

_LEVELS = (0.8, 0.9, 0.95, 0.98)


@dataclass(frozen=True, slots=True)
class Headline:
    """A number with its name, its interval in words, and what it means."""

    name: str
    value: str
    interval: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Level:
    """Candidate sets of one level: what is promised, what is found, and classes in a set on average."""

    promised: float
    found: Interval
    size: float


def headlines(answers: Answers, metrics: Metrics) -> list[Headline]:
    """The numbers that are read first."""
    hits = answers.predicted == answers.labels
    count = len(hits)
    in_five = round(metrics.top5_accuracy * count)
    by_class = bootstrap_interval(class_means(hits.astype(np.float64), answers.labels), count)
    f1 = bootstrap_interval(macro_f1(answers.predicted, answers.labels), count)
    found = [
        _share("top-1", proportion(int(hits.sum()), count), "the first candidate is right"),
        _share("top-5", proportion(in_five, count), "the truth is among the first five"),
        _share("mean class accuracy", by_class, "every class counts the same"),
        Headline("macro F1", f"{f1.value:.3f}", f"{f1.low:.3f} to {f1.high:.3f}", "weighs false alarms too"),
        Headline("calibration error", f"{metrics.ece:.3f}", "ECE, 15 bins", "confidence minus share that is right"),
    ]
    if metrics.set_coverage is not None and metrics.set_level is not None:
        held = proportion(round(metrics.set_coverage * count), count)
        found.append(_share("sets that hold the truth", held, f"{percent(metrics.set_level)} promised"))
    return found


def coverage_levels(answers: Answers, trust: Guarantees) -> list[Level]:
    """Sets at several levels, as far as held-out photos vouch for them."""
    rows = np.arange(len(answers.labels))
    levels = []
    for level in sorted({*_LEVELS, trust.coverage}):
        sets = trust.sets(answers.probabilities, level)
        if sets is not None:
            held = sets[rows, answers.labels]
            levels.append(Level(level, proportion(int(held.sum()), len(held)), float(sets.sum(1).mean())))
    return levels


def _share(name: str, interval: Interval, meaning: str) -> Headline:
    return Headline(
        name, percent(interval.value, 1), f"{100 * interval.low:.1f} to {percent(interval.high, 1)}", meaning
    )
