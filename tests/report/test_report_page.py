"""The page of an evaluation needs no other file, shows names as they are, and lists every photo."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldmark import Recognizer
from fieldmark.evaluation.evaluate import evaluate
from fieldmark.evaluation.metrics import compute_metrics
from fieldmark.evaluation.open_set import OpenSet, ScoreFigures
from fieldmark.evaluation.result import Evaluation
from fieldmark.evaluation.stress import Stress, StressLevel
from fieldmark.recognizer.predictions import Scores
from fieldmark.report.evaluation import write_report
from fieldmark.structures import RecordList

ODD = ("<b>bold</b>", "\"quoted' & co", "</script>", "plain")


@pytest.fixture(scope="module")
def evaluation(fitted: Path) -> Evaluation:
    return evaluate(Recognizer(fitted))


def _rows(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="rows">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def _alone(path: Path) -> str:
    """The page's text, after it was found to need nothing else."""
    text = path.read_text(encoding="utf-8")
    assert all(
        link.startswith(("data:image/jpeg;base64,", "#")) for link in re.findall(r'(?:src|href)="([^"]*)"', text)
    )
    assert not re.search(r"url\(|@import|<link|https?://", text)
    return text


def test_the_page_of_a_fitted_model(evaluation: Evaluation, fitted: Path, tmp_path: Path) -> None:
    recognizer = Recognizer(fitted)
    write_report(evaluation, recognizer, tmp_path / "report.html")
    text = _alone(tmp_path / "report.html")
    shown = f"{100 * evaluation.metrics.top1_accuracy:.1f}%"
    low, high = evaluation.metrics.top1_interval
    assert f"The model identifies {shown} of {evaluation.metrics.num_images} test photos correctly" in text
    assert f"95% CI {100 * low:.1f}–{100 * high:.1f}%" in text
    table = _rows(text)
    assert table["classes"] == list(recognizer.classes)
    right = [row[1] == row[2] for row in table["rows"]]
    assert np.mean(right) == pytest.approx(evaluation.metrics.top1_accuracy)
    assert [(row[5] == 1) for row in table["rows"]] == right


def _with_classes(evaluation: Evaluation, fitted: Path, names: tuple[str, ...]) -> tuple[Evaluation, Recognizer]:
    """The same photos under other names, each third taken for the next class."""
    recognizer = Recognizer(fitted)
    recognizer.manifest.classes[:] = names
    labels = np.array(evaluation.records.labels, dtype=np.int64)
    table = np.full((len(labels), 4), 0.02)
    table[np.arange(len(labels)), (labels + (np.arange(len(labels)) % 3 == 0)) % 4] = 0.94
    scores = Scores(table, {}, np.full(len(labels), np.nan))
    records = RecordList(evaluation.records, names, root=evaluation.records.root)
    return Evaluation(compute_metrics(table, labels, names), records, scores, 2), recognizer


def test_names_are_shown_as_they_are(evaluation: Evaluation, fitted: Path, tmp_path: Path) -> None:
    odd, recognizer = _with_classes(evaluation, fitted, ODD)
    write_report(odd, recognizer, tmp_path / "report.html")
    text = _alone(tmp_path / "report.html")
    assert "&lt;b&gt;bold&lt;/b&gt;" in text
    assert "&#34;quoted&#39; &amp; co" in text
    assert "<b>bold" not in text
    assert text.count("</script>") == 3
    assert _rows(text)["classes"] == list(ODD)
    assert "2 of these photos are copies of training photos" in text
    assert "Labels to check" in text


def test_the_page_fits_a_phone(
    evaluation: Evaluation, fitted: Path, tmp_path: Path, fits_a_phone: Callable[[Path], None]
) -> None:
    names = ("a name that is longer than the phone is wide, as those of cultivars are", "crow", "raven", "x" * 60)
    long, recognizer = _with_classes(evaluation, fitted, names)
    write_report(long, recognizer, tmp_path / "report.html")
    fits_a_phone(tmp_path / "report.html")


def test_what_was_not_measured_is_not_shown_and_what_was_is(
    evaluation: Evaluation, fitted: Path, tmp_path: Path
) -> None:
    recognizer = Recognizer(fitted)
    write_report(evaluation, recognizer, tmp_path / "plain.html")
    plain = _alone(tmp_path / "plain.html")
    levels = (StressLevel(0.1, 0.5), StressLevel(0.2, 0.25))
    stress = Stress(9, 0.75, 0.3, {"blur": levels, "rotate": (StressLevel(10, 0.75),)}, {"background_swap": "no box"})
    unknown = OpenSet(30, 40, 0.8, "energy", 0.951, 0.43, {"energy": ScoreFigures(0.81, 0.6, 0.7)}, {})
    trained = ({"train_loss": [2.0, 1.0], "val_loss": [2.1, 1.4]},)
    more = replace(evaluation, stress=stress, open_set=unknown, histories=trained)
    write_report(more, recognizer, tmp_path / "full.html")
    full = _alone(tmp_path / "full.html")
    for words in ("Distorted photos", "Unknown classes", "Loss after each epoch"):
        assert words not in plain
        assert words in full
    assert "0.1: 50% · 0.2: 25%" in full
    assert full.index("<td>blur</td>") < full.index("<td>rotate</td>")
    assert "detects 43.0% of the unknown ones" in full


def test_ten_thousand_photos_make_a_page_that_opens(evaluation: Evaluation, fitted: Path, tmp_path: Path) -> None:
    one, recognizer = _with_classes(evaluation, fitted, ODD)
    times = 1 + 10_000 // len(one.records)
    records = one.records.like(list(one.records) * times)
    table = np.tile(one.scores.probabilities, (times, 1))
    metrics = compute_metrics(table, np.array(records.labels), ODD)
    many = replace(
        one,
        metrics=metrics,
        records=records,
        scores=Scores(table, {}, None if one.scores.unknown is None else np.tile(one.scores.unknown, times)),
    )
    write_report(many, recognizer, tmp_path / "report.html")
    text = _alone(tmp_path / "report.html")
    assert len(_rows(text)["rows"]) == len(records) >= 10_000
    assert len(text) < 10_000_000


def test_the_command_writes_it_and_lists_what_it_could_not_read(
    command: Callable[..., Any], model_copy: Path, birds: Path, tmp_path: Path
) -> None:
    moved = shutil.copytree(birds, tmp_path / "moved")
    row = next(row for row in Recognizer(model_copy).split() if row.split == "test")
    (moved / row.path).write_bytes(b"no photo")
    done = command("evaluate", model_copy, moved, "--report", tmp_path / "deep" / "report.html")
    assert done.code == 1
    assert f"report: {tmp_path / 'deep' / 'report.html'}" in done.err.replace("\n", "")
    assert "1 photo could not be read and is not counted" in _alone(tmp_path / "deep" / "report.html")


def test_what_does_not_go_together(command: Callable[..., Any], model_copy: Path, tmp_path: Path) -> None:
    done = command("evaluate", model_copy, "--retrieval", "--report", tmp_path / "report.html")
    assert (done.code, done.err) == (
        2,
        "fieldmark: --report shows answers for single photos: leave out --retrieval and --oracle\n",
    )


def test_a_place_that_cannot_be_written_is_told_before_the_work(
    command: Callable[..., Any], model_copy: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    done = command("evaluate", model_copy, "--report", tmp_path / "file" / "report.html")
    assert done.code == 2
    assert done.err.replace("\n", "") == (
        f"fieldmark: {tmp_path / 'file' / 'report.html'} cannot be written "
        f"({tmp_path / 'file'} is no folder): name another place"
    )
    assert not model_copy.with_name("model.test.csv").exists()
