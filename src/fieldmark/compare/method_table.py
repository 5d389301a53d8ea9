"""The lines of a comparison: accuracy with its range, cost, and whether the baseline is beaten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fieldmark.compare.answers import Answers
from fieldmark.compare.paired_tests import Difference, mcnemar_exact, paired_bootstrap
from fieldmark.compare.runs import Run

__all__ = ["LEVEL", "Line", "build_line"]

LEVEL = 0.05
"""The median p-value of McNemar's test over the seeds has to lie below."""


@dataclass(frozen=True, slots=True)
class Line:
    """One method in the table. Accuracies are fractions.

    Attributes:
        label: Its name.
        status: ``done``, ``partly`` (some seeds), ``skipped``, ``failed``, or ``oracle`` (see `oracle_line`).
        reason: Why runs are missing.
        seeds: Those that are done.
        top1: Of each seed, on test.
        mean: Of `top1`; None where no run is done.
        mean_class_accuracy: Mean over the seeds of the mean over the classes.
        difference: From the baseline, on the seeds that both have; None for the baseline itself.
        mcnemar: p-value of each of those seeds.
        standing: ``better`` or ``worse`` where both the bootstrap's interval and McNemar's test say so, ``level``
            otherwise; ``none`` for the baseline and what cannot be compared.
        verdict: The same in words.
        seconds: Mean wall time of a fit.
        cpu_seconds: Mean processor time of a fit.
        peak_bytes: Largest of the seeds.
        parameters: Weights.
        ms_per_photo: Median over the seeds.
        class_top1: Accuracy on each class, mean over the seeds; empty for an ``oracle``.
        settings: Of the first seed.
        folders: Model folders.
    """

    label: str
    status: str
    reason: str | None
    seeds: tuple[int, ...]
    top1: tuple[float, ...]
    mean: float | None
    mean_class_accuracy: float | None
    difference: Difference | None
    mcnemar: tuple[float, ...]
    standing: str
    verdict: str
    seconds: float | None
    cpu_seconds: float | None
    peak_bytes: int | None
    parameters: int | None
    ms_per_photo: float | None
    class_top1: tuple[float | None, ...]
    settings: Mapping[str, Any] | None
    folders: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def build_line(
    runs: Sequence[Run], answers: Mapping[int, Answers], baseline: Mapping[int, Answers] | None, num_classes: int
) -> Line:
    """The line of one method.

    Args:
        runs: One for each seed.
        answers: Seed -> answers, of the runs that are done.
        baseline: The same of the baseline; None where this line is the baseline.
        num_classes: K.
    """
    done = [run for run in runs if run.facts is not None]
    facts = [run.facts for run in done if run.facts is not None]
    missing = [run for run in runs if run.facts is None]
    both = [run.seed for run in done if baseline is not None and run.seed in baseline]
    hits = [answers[run.seed].hits for run in done]
    difference, tests = None, []
    if baseline is not None and both:
        ours, theirs = (np.stack([side[seed].hits for seed in both]) for side in (answers, baseline))
        difference = paired_bootstrap(ours, theirs)
        tests = [mcnemar_exact(one, other) for one, other in zip(ours, theirs, strict=True)]
    by_class = _class_top1(hits, answers, num_classes)
    present = [value for value in by_class if value is not None]
    peaks = [fact.peak_bytes for fact in facts if fact.peak_bytes is not None]
    return Line(
        label=runs[0].label,
        status=("partly" if missing else "done") if done else missing[0].kind,
        reason=_reason(missing),
        seeds=tuple(run.seed for run in done),
        top1=tuple(float(hit.mean()) for hit in hits),
        mean=float(np.mean([hit.mean() for hit in hits])) if hits else None,
        mean_class_accuracy=float(np.mean(present)) if present else None,
        difference=difference,
        mcnemar=tuple(tests),
        standing=_standing(difference, tests),
        verdict=_verdict(bool(done), baseline, difference, tests),
        seconds=_mean([fact.seconds for fact in facts]),
        cpu_seconds=_mean([fact.cpu_seconds for fact in facts]),
        peak_bytes=max(peaks, default=None),
        parameters=facts[0].parameters if facts else None,
        ms_per_photo=float(np.median([fact.ms_per_photo for fact in facts])) if facts else None,
        class_top1=by_class,
        settings=facts[0].settings if facts else None,
        folders=tuple(str(run.folder) for run in done),
    )


def _class_top1(
    hits: Sequence[NDArray[np.bool_]], answers: Mapping[int, Answers], num_classes: int
) -> tuple[float | None, ...]:
    """None for a class without test photos, or where no run is done."""
    if not hits:
        return (None,) * num_classes
    labels = next(iter(answers.values())).labels
    share = np.stack(hits).mean(0)
    return tuple(
        float(share[labels == label].mean()) if (labels == label).any() else None for label in range(num_classes)
    )


def _standing(difference: Difference | None, tests: Sequence[float]) -> str:
    """Both have to agree: where few photos are in dispute, the interval of the bootstrap is too narrow."""
    if difference is None:
        return "none"
    if float(np.median(tests)) >= LEVEL:
        return "level"
    return "better" if difference.low > 0 else "worse" if difference.high < 0 else "level"


def _verdict(
    done: bool, baseline: Mapping[int, Answers] | None, difference: Difference | None, tests: Sequence[float]
) -> str:
    if not done:
        return "no result"
    if baseline is None:
        return "the baseline"
    if difference is None:
        return "nothing to compare with: the baseline has no finished run with the same seed"
    points = f"{100 * difference.mean:+.1f} points (95 %: {100 * difference.low:+.1f} to {100 * difference.high:+.1f})"
    standing = _standing(difference, tests)
    if standing == "better":
        return f"beats the baseline, {points}"
    if standing == "worse":
        return f"worse than the baseline, {points}"
    if difference.mean > 0:
        doubt = f" (McNemar p {np.median(tests):.2g})" if difference.low > 0 else ""
        return f"does not beat the baseline: {points} may be chance{doubt}"
    return f"does not beat the baseline, {points}"


def _reason(missing: Sequence[Run]) -> str | None:
    """The reasons of all missing runs; one that is the same for all stands once."""
    reasons = {run.reason or "" for run in missing}
    if len(reasons) <= 1:
        return next(iter(reasons), None)
    return "; ".join(f"seed {run.seed}: {run.reason}" for run in missing)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
