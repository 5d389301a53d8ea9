"""Promises that are broken by more than chance are reported, with the reason and what to do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fieldmark.evaluation.guarantee_metrics import BackOff
from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.evaluation.metrics import Metrics, compute_metrics
from fieldmark.evaluation.promises import missed_accuracy, missed_coverage
from fieldmark.report.evaluation.headline import headlines

ELSEWHERE = (
    "These photos probably differ from those that calibrated the model: another camera, shop, place or season. Add "
    "photos like these to the training data, or name them as val, and fit again"
)
ROWS, LABELS = np.full((100, 2), 0.5), np.repeat([0, 1], 50)


def _metrics(coverage: float | None, photos: int = 1000) -> Metrics:
    plain = compute_metrics(ROWS, LABELS, ("a", "b"))
    return replace(plain, set_coverage=coverage, set_size=1.0, set_level=0.9, set_calibration_photos=photos)


@pytest.mark.parametrize("coverage", [0.88, 0.95, None])
def test_a_promise_within_chance_is_kept(coverage: float | None) -> None:
    """At 88 of 100 the interval, 80.2 to 93.0%, still holds 90%."""
    assert missed_coverage(_metrics(coverage)) is None


def test_sets_of_many_calibration_photos_miss_because_the_photos_differ() -> None:
    assert missed_coverage(_metrics(0.688)) == (
        "The prediction sets miss their target: 69.0% contain the correct class (95% CI 59.4–77.2%), not 90%. "
        + ELSEWHERE
        + "; until then ask for a higher coverage."
    )


def test_sets_of_few_calibration_photos_may_miss_by_chance() -> None:
    """Of 19 photos the 18th score counts: coverage is Beta(18, 2), which lies below 0.74 once in 40 draws."""
    assert missed_coverage(_metrics(0.78, photos=19)) == (
        "The prediction sets miss their target: 78.0% contain the correct class (95% CI 68.9–85.0%), not 90%. The sets "
        "were calibrated on only 19 photos, so that chance alone can explain it. Add photos of all classes and fit "
        "again; until then ask for a higher coverage."
    )
    far_below = missed_coverage(_metrics(0.5, photos=19))
    assert far_below is not None
    assert ELSEWHERE in far_below


def _backed_off(right: float | None) -> Metrics:
    return replace(_metrics(None), back_off=BackOff(0.95, True, 0.9, 0.8, right, ()))


def test_answers_that_back_off_are_held_to_their_target() -> None:
    assert missed_accuracy(_backed_off(0.95)) is None
    assert missed_accuracy(_backed_off(None)) is None
    assert missed_accuracy(_metrics(0.9)) is None
    assert missed_accuracy(_backed_off(0.75)) == (
        "The answers that back off miss their target: 75.0% are correct at their rank (95% CI 64.5–83.2%), not 95%. "
        + ELSEWHERE
        + "; until then ask for a higher target accuracy."
    )


@pytest.mark.parametrize(("coverage", "broken"), [(0.5, True), (0.9, False)])
def test_the_report_marks_a_broken_promise(coverage: float, broken: bool) -> None:
    cards = {one.name: one for one in headlines(Predictions(ROWS, LABELS), _metrics(coverage))}
    assert cards["Set coverage"].broken is broken
    assert not cards["Top-1 accuracy"].broken
