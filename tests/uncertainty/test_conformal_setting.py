"""``--set conformal=raps`` from the fit to every place that makes candidate sets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fieldmark import Recognizer, fit, read
from fieldmark.artifact.load import load_manifest
from fieldmark.compare.run_plan import parse_specs, plan_entries
from fieldmark.data.prepare import prepare
from fieldmark.evaluation.evaluate import evaluate
from fieldmark.export.export_onnx import export
from fieldmark.methods import METHODS
from fieldmark.recipe import build_settings
from fieldmark.recognizer.enroll import enroll
from fieldmark.recognizer.specimen import fuse_photos, majority_set
from fieldmark.report.evaluation.evaluation_page import write_report
from fieldmark.uncertainty.conformal import prediction_sets, score_quantile
from fieldmark.uncertainty.conformity_scores import LAC, ConformityScore
from fieldmark.uncertainty.guarantees import GuaranteeFacts
from fieldmark.uncertainty.raps import choose_conformity_score

COVERAGE = 0.5  # so few val photos vouch for no more


@pytest.fixture(scope="module")
def raps(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("raps") / "model"
    overrides = ["conformal=raps", f"coverage={COVERAGE}", "val_fraction=0.3"]
    fit(birds, out, method="linear_probe", image_size=96, overrides=overrides)
    return out


@pytest.fixture
def photos(birds: Path) -> list[Path]:
    return sorted(birds.rglob("*.jpg"))[::7]


def _sets(model: Recognizer, rows: NDArray[np.floating], coverage: float = COVERAGE) -> NDArray[np.bool_]:
    """By the numbers that are stored."""
    facts = model.manifest.guarantees
    assert facts is not None
    quantile = score_quantile(model.guarantees.tables.scores, coverage)
    assert quantile is not None
    return prediction_sets(rows, quantile, ConformityScore(facts.score, facts.k_reg, facts.penalty))


def test_parameters_are_chosen_outside_the_calibration_set(raps: Path, birds: Path) -> None:
    model = Recognizer(raps)
    assert model.manifest.settings["conformal"] == "raps"
    photos = prepare(read(birds), 0, val_fraction=0.3).photos
    val, out_of_fold = photos.of_split("val"), model.out_of_fold()
    rows = np.array([out_of_fold[key] for key in val.content_keys])
    chosen = choose_conformity_score("raps", rows, val.labels, COVERAGE)
    assert model.guarantees.score == chosen
    assert chosen.name == "raps"
    assert chosen.k_reg >= 1
    assert model.guarantees.photos == len(photos.of_split("train"))


def test_answers_specimens_and_evaluation_use_it(raps: Path, photos: list[Path]) -> None:
    model = Recognizer(raps)
    rows = model.scores(photos).probabilities
    for members, answer in zip(_sets(model, rows), model.predict(photos), strict=True):
        assert set(answer.set or ()) == {model.classes[index] for index in np.flatnonzero(members)}
    specimen = model.predict_specimen(photos[:3])
    merged = majority_set(_sets(model, rows[:3], 0.75))
    merged[fuse_photos(rows[:3]).argmax()] = True
    assert set(specimen.set or ()) == {model.classes[index] for index in np.flatnonzero(merged)}
    found = evaluate(model)
    table = found.scores.probabilities
    assert found.metrics.set_score == "raps"
    assert found.metrics.set_size == pytest.approx(_sets(model, table).sum(1).mean())


def test_card_and_report_name_it(raps: Path, fitted: Path, tmp_path: Path) -> None:
    model = Recognizer(raps)
    assert model.manifest.guarantees is not None
    words = model.manifest.guarantees.score_in_words
    assert words.startswith("RAPS (")
    assert f"| prediction sets | {words}; contain the correct class for at least 50% of such photos |" in model.card
    write_report(evaluate(model), model, tmp_path / "report.html")
    assert f" Score: {words}.</p>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert GuaranteeFacts(file="x", photos=9, score="raps", k_reg=3, penalty=0.01).score_in_words == (
        "RAPS (k_reg 3, lambda 0.01)"
    )
    assert GuaranteeFacts(file="x", photos=9, score="raps").score_in_words == "RAPS (lambda 0, as APS)"
    assert GuaranteeFacts(file="x", photos=9, score="aps").score_in_words == "APS"


def test_an_exported_file_gives_the_same_sets(raps: Path, photos: list[Path], tmp_path: Path) -> None:
    exported = Recognizer(export(raps, tmp_path / "model.onnx").path)
    assert exported.guarantees.score == Recognizer(raps).guarantees.score
    assert [one.set for one in exported.predict(photos)] == [one.set for one in Recognizer(raps).predict(photos)]


def test_an_enrolled_class_joins_its_sets(raps: Path, photos: list[Path], tmp_path: Path) -> None:
    copy = shutil.copytree(raps, tmp_path / "model")
    enroll(copy, "newcomer", photos[:2])
    model = Recognizer(copy)
    rows = model.scores(photos).probabilities
    assert rows.shape[1] == 5
    for members, answer in zip(_sets(model, rows), model.predict(photos), strict=True):
        assert set(answer.set or ()) == {model.classes[index] for index in np.flatnonzero(members)}
        assert answer.candidates[0].label in (answer.set or ())


def test_a_model_without_the_field_uses_lac(fitted: Path, model_copy: Path, photos: list[Path]) -> None:
    content = json.loads((model_copy / "fieldmark.json").read_text(encoding="utf-8"))
    for name in ("score", "k_reg", "penalty"):
        del content["trust"][name]
    (model_copy / "fieldmark.json").write_text(json.dumps(content), encoding="utf-8")
    assert load_manifest(model_copy).guarantees == load_manifest(fitted).guarantees
    assert Recognizer(model_copy).guarantees.score == LAC
    assert Recognizer(model_copy).predict(photos) == Recognizer(fitted).predict(photos)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_the_setting(method: str) -> None:
    assert build_settings(method).conformal == "lac"
    assert build_settings(method, overrides=["conformal=aps"]).conformal == "aps"


def test_methods_of_a_comparison_share_it() -> None:
    entries = plan_entries(parse_specs("fine_tune,linear_probe,auto,ws_dan"), {}, ["conformal=raps"])
    assert {entry.settings(0).conformal for entry in entries} == {"raps"}
