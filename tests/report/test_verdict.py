"""The sentences that open a report claim what the numbers support."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fieldmark.evaluation.metrics import compute_metrics
from fieldmark.evaluation.result import Evaluation
from fieldmark.recognizer.predictions import Scores
from fieldmark.report.evaluation.verdict import verdict
from fieldmark.structures import Record, RecordList

NAMES = ("crow", "raven", "rook {0}", "daw")
EVEN = dict.fromkeys(NAMES, 60)


def _evaluation(
    mistakes: list[tuple[int, int, int]], coverage: float | None = None, names: tuple[str, ...] = NAMES
) -> Evaluation:
    """100 photos of each class; `mistakes` are label, prediction and number."""
    labels = np.repeat(np.arange(len(names)), 100)
    predicted = labels.copy()
    for label, other, count in mistakes:
        rows = np.flatnonzero((labels == label) & (predicted == label))[:count]
        predicted[rows] = other
    table = np.eye(len(names))[predicted] * 0.8 + 0.2 / len(names)
    metrics = compute_metrics(table, labels, names)
    if coverage is not None:
        metrics = replace(metrics, set_coverage=coverage, set_level=0.9)
    records = RecordList([Record(Path(f"{row}.jpg"), int(label)) for row, label in enumerate(labels)], names)
    return Evaluation(metrics, records, Scores(table, {}, None), 0)


def test_it_says_what_is_reached_on_how_many_photos() -> None:
    assert verdict(_evaluation([(0, 1, 40)]), EVEN)[0] == (
        "The model identifies 90.0% of 400 test photos correctly (95% CI 86.7–92.6%)."
    )


@pytest.mark.parametrize(
    ("coverage", "sentence"),
    [
        (0.93, "The promised coverage of 90% holds: 93.0% of the prediction sets contain the correct class."),
        (
            0.89,
            "The promised coverage of 90% holds within chance: 89.0% of the prediction sets contain the correct class.",
        ),
        (0.80, "The promised coverage of 90% does not hold: 80.0% of the prediction sets contain the correct class."),
        (None, "It promises no coverage, because its calibration set is too small for prediction sets."),
    ],
)
def test_it_says_whether_the_promise_holds(coverage: float | None, sentence: str) -> None:
    assert verdict(_evaluation([], coverage=coverage), EVEN)[1] == sentence


def test_photos_of_the_training_prove_no_promise() -> None:
    found = replace(_evaluation([], coverage=0.99), split="train")
    assert not [sentence for sentence in verdict(found, EVEN) if "coverage" in sentence]


def test_look_alikes_limit_it() -> None:
    found = _evaluation([(0, 1, 12), (1, 0, 8), (2, 3, 5)])
    assert verdict(found, EVEN)[-1] == (
        "What limits it most: crow and raven look alike; 20 of its 25 mistakes are between these two."
    )


def test_few_training_photos_limit_it() -> None:
    found = _evaluation([(0, 1, 4), (2, 0, 15), (2, 1, 15), (2, 3, 15)])
    assert verdict(found, EVEN | {"rook {0}": 8})[-1] == (
        "What limits it most: few training photos; 45 of its 49 mistakes are photos of the class with few of them, "
        "rook {0} (8)."
    )
    equally_good = _evaluation([(2, 0, 2), (0, 1, 1), (1, 0, 1), (3, 0, 3)])
    assert "few training photos" not in verdict(equally_good, EVEN | {"rook {0}": 8})[-1]


def test_no_cause_is_made_up() -> None:
    spread = _evaluation([(0, 1, 1), (1, 2, 1), (2, 3, 1)])
    assert verdict(spread, EVEN)[-1] == "No single cause stands out: its 3 mistakes confuse 3 pairs of classes."
    assert verdict(_evaluation([]), EVEN)[-1] == "It makes no mistake here; harder photos would show its limits."


def test_the_most_frequent_pair_is_named_where_it_is_no_main_cause() -> None:
    names = tuple(f"species {label}" for label in range(12))
    ways = [(label, other, 1) for label in range(12) for other in range(label)]
    found = _evaluation([*ways, (3, 7, 4)], names=names)
    assert verdict(found, dict.fromkeys(names, 60))[-1] == (
        "No single cause stands out: its 70 mistakes confuse 66 pairs of classes, most often species 3 and species 7 "
        "(5)."
    )
