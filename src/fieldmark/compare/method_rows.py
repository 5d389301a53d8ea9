"""Build a method's row: accuracy with its range, cost, and whether it beats the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fieldmark.arrays import Bools, Ints
from fieldmark.compare.runs import Run
from fieldmark.evaluation.comparison import MethodRow
from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.evaluation.paired_tests import Difference, mcnemar_exact, paired_bootstrap

__all__ = ["SIGNIFICANCE", "build_row"]

SIGNIFICANCE = 0.05
"""The median p-value of McNemar's test over the seeds must be below this."""


def build_row(
    runs: Sequence[Run],
    predictions: Mapping[int, Predictions],
    baseline: Mapping[int, Predictions] | None,
    num_classes: int,
    ms_per_photo: float | None = None,
) -> MethodRow:
    """Return the row of one method.

    Args:
        runs: One for each seed.
        predictions: Seed -> predictions of each finished run.
        baseline: The same for the baseline; None if this row is the baseline.
        num_classes: K.
        ms_per_photo: Time of a prediction, if it was measured.
    """
    done = [run for run in runs if run.facts is not None]
    facts = [run.facts for run in done if run.facts is not None]
    missing = [run for run in runs if run.facts is None]
    correct = [predictions[run.seed].correct for run in done]
    difference, tests = _against(predictions, baseline, [run.seed for run in done])
    by_class = _class_top1(correct, next(iter(predictions.values())).labels, num_classes) if correct else ()
    present = [value for value in by_class if value is not None]
    peaks = [fact.peak_bytes for fact in facts if fact.peak_bytes is not None]
    standing = _standing(difference, tests)
    return MethodRow(
        label=runs[0].label,
        status=("partly" if missing else "done") if done else missing[0].kind,
        reason=_reason(missing),
        seeds=tuple(run.seed for run in done),
        top1=tuple(float(each.mean()) for each in correct),
        mean=_mean([float(each.mean()) for each in correct]),
        mean_class_accuracy=_mean(present),
        difference=difference,
        mcnemar=tuple(tests),
        standing=standing,
        verdict=_verdict(standing, difference, tests, is_baseline=baseline is None) if done else "no result",
        seconds=_mean([fact.seconds for fact in facts]),
        cpu_seconds=_mean([fact.cpu_seconds for fact in facts]),
        peak_bytes=max(peaks, default=None),
        parameters=facts[0].parameters if facts else None,
        ms_per_photo=ms_per_photo,
        class_top1=by_class or (None,) * num_classes,
        settings=facts[0].settings if facts else None,
        folders=tuple(str(run.folder) for run in done),
    )


def _against(
    predictions: Mapping[int, Predictions], baseline: Mapping[int, Predictions] | None, seeds: Sequence[int]
) -> tuple[Difference | None, list[float]]:
    """Return the difference from the baseline, and the p-value for each seed that both finished."""
    both = [seed for seed in seeds if baseline is not None and seed in baseline]
    if baseline is None or not both:
        return None, []
    ours, theirs = (np.stack([side[seed].correct for seed in both]) for side in (predictions, baseline))
    return paired_bootstrap(ours, theirs), [mcnemar_exact(one, other) for one, other in zip(ours, theirs, strict=True)]


def _class_top1(correct: Sequence[Bools], labels: Ints, num_classes: int) -> tuple[float | None, ...]:
    """Return the accuracy of each class; None for a class without test photos."""
    share = np.stack(correct).mean(0)
    return tuple(
        float(share[labels == label].mean()) if (labels == label).any() else None for label in range(num_classes)
    )


def _standing(difference: Difference | None, tests: Sequence[float]) -> str:
    """Require both tests to agree: if the models disagree on few photos, the bootstrap interval is too narrow."""
    if difference is None:
        return "none"
    if float(np.median(tests)) >= SIGNIFICANCE:
        return "level"
    return "better" if difference.low > 0 else "worse" if difference.high < 0 else "level"


def _verdict(standing: str, difference: Difference | None, tests: Sequence[float], *, is_baseline: bool) -> str:
    if is_baseline:
        return "the baseline"
    if difference is None:
        return "not comparable: the baseline has no finished run with the same seed"
    points = f"{100 * difference.mean:+.1f} points (95% CI {100 * difference.low:+.1f} to {100 * difference.high:+.1f})"
    if standing == "better":
        return f"beats the baseline, {points}"
    if standing == "worse":
        return f"worse than the baseline, {points}"
    if difference.mean > 0:
        doubt = f" (McNemar p {np.median(tests):.2g})" if difference.low > 0 else ""
        return f"does not beat the baseline: {points} may be chance{doubt}"
    return f"does not beat the baseline, {points}"


def _reason(missing: Sequence[Run]) -> str | None:
    """Return the reasons of all missing runs; a shared reason is given once."""
    reasons = {run.reason or "" for run in missing}
    if len(reasons) <= 1:
        return next(iter(reasons), None)
    return "; ".join(f"seed {run.seed}: {run.reason}" for run in missing)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
