"""Figures of every class, against scikit-learn and a table written by hand."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldmark import load
from fieldmark.evaluation.class_table import COLUMNS, class_rows, write_class_table
from fieldmark.evaluation.evaluate import evaluate
from fieldmark.evaluation.labelled_predictions import Predictions


def _predictions(labels: list[int], predicted: list[int], classes: int) -> Predictions:
    return Predictions(np.eye(classes, dtype=np.float32)[predicted], np.array(labels))


def test_the_figures_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import precision_recall_fscore_support

    generator = np.random.default_rng(0)
    labels = generator.integers(0, 6, 300)
    predicted = np.where(generator.random(300) < 0.6, labels, generator.integers(0, 6, 300))
    rows = class_rows(_predictions(labels.tolist(), predicted.tolist(), 6), "abcdef")
    expected = precision_recall_fscore_support(labels, predicted, labels=range(6))
    found = [(row.precision, row.recall.value, row.f1, row.photos) for row in rows]
    np.testing.assert_allclose(np.array(found, dtype=float).T, expected)
    for label, row in enumerate(rows):
        wrong = predicted[(labels == label) & (predicted != label)]
        counts = {name: int((wrong == index).sum()) for index, name in enumerate("abcdef")}
        assert [count for _, count in row.confused_with] == sorted(counts.values(), reverse=True)[:3]
        assert all(counts[name] == count for name, count in row.confused_with)


def test_the_file_has_a_row_for_every_class(tmp_path: Path) -> None:
    labels, predicted = [0, 0, 0, 0, 1, 1], [0, 0, 1, 2, 1, 1]
    write_class_table(class_rows(_predictions(labels, predicted, 4), ["a", "b, c", "d", "e"]), tmp_path / "classes.csv")
    with (tmp_path / "classes.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert tuple(lines[0]) == COLUMNS
    short = [(line["class"], line["photos"], line["correct"], line["recall"], line["precision"]) for line in lines]
    assert short == [
        ("a", "4", "2", "0.500000", "1.000000"),
        ("b, c", "2", "2", "1.000000", "0.666667"),
        ("d", "0", "0", "", "0.000000"),
        ("e", "0", "0", "", ""),
    ]
    assert (lines[0]["recall_low"], lines[0]["recall_high"]) == ("0.150039", "0.849961")  # Wilson, 2 of 4
    assert [line["f1"] for line in lines] == ["0.666667", "0.800000", "0.000000", ""]
    assert [(line["most_confused_with"], line["confused_photos"]) for line in lines[:2]] == [("b, c", "1"), ("", "")]


def test_the_command_writes_what_the_evaluation_measured(
    command: Callable[..., Any], model_copy: Path, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "classes.csv"
    assert command("evaluate", model_copy, "--coverage", "0.5", "--per-class", out).code == 0
    with out.open(newline="", encoding="utf-8") as file:
        lines = {line["class"]: line for line in csv.DictReader(file)}
    model = load(model_copy)
    metrics = evaluate(model, coverage=0.5).metrics
    assert tuple(lines) == model.classes
    recalls = [float(line["recall"]) for line in lines.values()]
    assert np.mean(recalls) == pytest.approx(metrics.mean_class_accuracy, abs=1e-6)
    for name, line in lines.items():
        assert line["set_coverage"] == f"{metrics.set_coverage_by_class[name]:.6f}"
    weights = [int(line["photos"]) for line in lines.values()]
    sizes = [float(line["set_size"]) for line in lines.values()]
    assert np.average(sizes, weights=weights) == pytest.approx(metrics.set_size, abs=1e-5)


@pytest.mark.parametrize("other", [["--retrieval"], ["--oracle", "box"], ["--open-set"]])
def test_measures_without_answers_have_no_class_table(
    other: list[str], command: Callable[..., Any], fitted: Path, tmp_path: Path
) -> None:
    done = command("evaluate", fitted, "--per-class", tmp_path / "classes.csv", *other)
    assert done.code == 2
    sentence = "--per-class needs answers for single photos: leave out --retrieval, --oracle and --open-set"
    assert done.err.strip() == f"fieldmark: {sentence}"
