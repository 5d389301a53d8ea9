"""The numbers on the report against closed forms and other libraries."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fieldmark.calibration.temperature import expected_calibration_error
from fieldmark.evaluation.intervals import bootstrap_interval, class_means, macro_f1, proportion
from fieldmark.report.evaluation.reliability import draw_reliability, reliability_bins
from fieldmark.report.evaluation.result_tables import Answers, class_lines, mistakes, suspects
from fieldmark.report.page import embedded_json


def _answers(probabilities: np.ndarray, labels: np.ndarray) -> Answers:
    rows = np.arange(len(labels))
    return Answers(
        rows, probabilities, labels, probabilities.argmax(1), probabilities.max(1), probabilities[rows, labels]
    )


@pytest.fixture
def answers() -> Answers:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 4, 200)
    logits = generator.normal(size=(200, 4)) + 1.5 * np.eye(4)[labels]
    table = np.exp(logits)
    return _answers(table / table.sum(1, keepdims=True), labels)


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


def test_the_figures_are_those_of_scikit_learn(answers: Answers) -> None:
    from sklearn.metrics import f1_score, recall_score

    hits = (answers.predicted == answers.labels).astype(float)
    times = np.random.default_rng(1).integers(1, 4, 200)
    repeated = np.repeat(np.arange(200), times)
    labels, predicted = answers.labels[repeated], answers.predicted[repeated]
    assert class_means(hits, answers.labels)(times) == pytest.approx(recall_score(labels, predicted, average="macro"))
    assert macro_f1(answers.predicted, answers.labels)(times) == pytest.approx(
        f1_score(labels, predicted, average="macro")
    )


def test_the_bins_are_those_of_the_calibration_error(answers: Answers) -> None:
    bins = reliability_bins(answers.probabilities, answers.labels)
    gaps = sum(one.photos * abs(one.accuracy - one.confidence) for one in bins)
    assert gaps / 200 == pytest.approx(expected_calibration_error(answers.probabilities, answers.labels))
    assert sum(one.photos for one in bins) == 200


def test_dots_lie_where_their_shares_are(answers: Answers) -> None:
    bins = reliability_bins(answers.probabilities, answers.labels)
    diagram = draw_reliability(bins)
    for dot, one in zip(diagram.dots, bins, strict=True):
        assert dot.x == pytest.approx(diagram.left + one.confidence * diagram.side, abs=0.1)
        assert dot.y == pytest.approx(diagram.top + (1 - one.accuracy) * diagram.side, abs=0.1)
        assert dot.top <= dot.y <= dot.bottom
    assert max(dot.bar for dot in diagram.dots) == pytest.approx(54)


def test_class_lines_begin_with_the_worst(answers: Answers) -> None:
    lines = class_lines(answers, "abcd", {"a": 0.5})
    assert [line.right.value for line in lines] == sorted(line.right.value for line in lines)
    assert sum(line.photos for line in lines) == 200
    for line in lines:
        wrong = (answers.labels == "abcd".index(line.name)) & (answers.predicted != answers.labels)
        assert sum(times for _, times in line.taken_for) == wrong.sum()
        assert line.set_coverage == (0.5 if line.name == "a" else None)


def test_mistakes_come_by_falling_confidence(answers: Answers) -> None:
    rows = mistakes(answers, 0, 1, 3)
    assert all(answers.labels[row] == 0 and answers.predicted[row] == 1 for row in rows)
    assert [answers.confidence[row] for row in rows] == sorted((answers.confidence[row] for row in rows), reverse=True)


def test_planted_wrong_labels_are_suspected() -> None:
    labels = np.repeat(np.arange(5), 20)
    table = np.full((100, 5), 0.02)
    table[np.arange(100), labels] = 0.92
    given = labels.copy()
    given[[3, 50]] = [4, 1]
    table[7] = (0.3, 0.25, 0.15, 0.15, 0.15)  # in doubt, but right
    found = suspects(_answers(table, given))
    assert [(one.row, one.suggested) for one in found] == [(3, 0), (50, 2)]


def test_json_inside_of_a_page_cannot_end_its_element() -> None:
    value = ["</script><b>", "a & 'b' \"c\"", "\u2028"]
    text = embedded_json(value)
    assert "<" not in text
    assert json.loads(text) == value
