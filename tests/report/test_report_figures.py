"""The numbers on the evaluation page against closed forms and other libraries."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fieldmark.calibration.temperature import expected_calibration_error
from fieldmark.evaluation.intervals import bootstrap_interval, class_means, macro_f1, proportion
from fieldmark.evaluation.label_suspects import find_suspects
from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.evaluation.reliability import reliability_bins
from fieldmark.report.page import embedded_json


@pytest.fixture
def predictions() -> Predictions:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, 200)
    logits = generator.normal(size=(200, 4)) + 1.5 * np.eye(4)[labels]
    table = np.exp(logits)
    return Predictions(table / table.sum(1, keepdims=True), labels)


@pytest.mark.parametrize(("hits", "total"), [(0, 7), (3, 10), (90, 100), (50, 50)])
def test_a_share_has_wilsons_interval(hits: int, total: int) -> None:
    from scipy.stats import binomtest

    expected = binomtest(hits, total).proportion_ci(0.95, method="wilson")
    found = proportion(hits, total)
    assert (found.value, found.low, found.high) == pytest.approx((hits / total, *expected), abs=1e-4)


def test_the_bootstrap_of_a_mean_is_as_wide_as_its_standard_error() -> None:
    hits = np.arange(400) % 4 > 0
    found = bootstrap_interval(lambda times: float((times * hits).sum() / times.sum()), 400, draws=4000)
    half = 1.96 * (0.75 * 0.25 / 400) ** 0.5
    assert found.value == 0.75
    assert (found.low, found.high) == pytest.approx((0.75 - half, 0.75 + half), abs=0.006)
    assert bootstrap_interval(lambda times: float(times[0]), 5, draws=9) == bootstrap_interval(
        lambda times: float(times[0]), 5, draws=9
    )


def test_the_figures_are_those_of_scikit_learn(predictions: Predictions) -> None:
    from sklearn.metrics import f1_score, recall_score

    hits = (predictions.predicted == predictions.labels).astype(float)
    times = np.random.default_rng(1).integers(1, 4, 200)
    repeated = np.repeat(np.arange(200), times)
    labels, predicted = predictions.labels[repeated], predictions.predicted[repeated]
    assert class_means(hits, predictions.labels)(times) == pytest.approx(
        recall_score(labels, predicted, average="macro")
    )
    assert macro_f1(predictions.predicted, predictions.labels)(times) == pytest.approx(
        f1_score(labels, predicted, average="macro")
    )


def test_the_bins_are_those_of_the_calibration_error(predictions: Predictions) -> None:
    bins = reliability_bins(predictions)
    gaps = sum(one.photos * abs(one.accuracy.value - one.confidence) for one in bins)
    assert gaps / 200 == pytest.approx(expected_calibration_error(predictions.probabilities, predictions.labels))
    assert sum(one.photos for one in bins) == 200


def test_mistakes_come_by_falling_confidence(predictions: Predictions) -> None:
    rows = predictions.rows_called(0, 1)
    assert len(rows)
    assert all(predictions.labels[row] == 0 and predictions.predicted[row] == 1 for row in rows)
    assert [predictions.confidence[row] for row in rows] == sorted(
        (predictions.confidence[row] for row in rows), reverse=True
    )


def test_planted_wrong_labels_are_suspected() -> None:
    labels = np.repeat(np.arange(5), 20)
    table = np.full((100, 5), 0.02)
    table[np.arange(100), labels] = 0.92
    given = labels.copy()
    given[[3, 50]] = [4, 1]
    table[7] = (0.3, 0.25, 0.15, 0.15, 0.15)  # uncertain, but correct
    found = find_suspects(Predictions(table, given))
    assert [(one.index, one.suggested) for one in found] == [(3, 0), (50, 2)]


def test_json_inside_of_a_page_cannot_end_its_element() -> None:
    value = ["</script><b>", "a & 'b' \"c\"", "\u2028"]
    text = embedded_json(value)
    assert "<" not in text
    assert json.loads(text) == value
