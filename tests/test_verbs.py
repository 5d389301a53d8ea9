"""Every verb from Python, with the same results as the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fieldmark
from fieldmark import PhotoError, Recognizer


@pytest.fixture(scope="module")
def model(fitted: Path) -> Recognizer:
    return fieldmark.load(fitted)


@pytest.fixture(scope="module")
def photos(birds: Path) -> list[Path]:
    return sorted(birds.rglob("*.jpg"))[::20]


def test_check_is_the_command(command: Callable[..., Any], birds: Path) -> None:
    printed = json.loads(command("check", birds, "--fast", "--json").out)
    assert json.loads(json.dumps(fieldmark.check(birds, fast=True).to_dict())) == printed
    assert json.loads(json.dumps(fieldmark.check(fieldmark.read(birds), fast=True).to_dict())) == printed


def test_verbs_stay_functions_when_the_modules_of_their_names_are_imported() -> None:
    import fieldmark.check
    import fieldmark.compare.study
    import fieldmark.fit

    for name in ("fit", "check", "compare"):
        assert sys.modules[f"fieldmark.{name}"] is not getattr(fieldmark, name)
        assert getattr(fieldmark, name).__module__ == "fieldmark.api.verbs"


def test_predict_proba_is_what_predict_says(model: Recognizer, photos: list[Path]) -> None:
    table = model.predict_proba(photos)
    assert table.shape == (len(photos), len(model.classes))
    np.testing.assert_allclose(table.sum(1), 1)
    answers = model.predict(photos)
    assert [model.classes[index] for index in table.argmax(1)] == [answer.label for answer in answers]
    np.testing.assert_allclose(table.max(1), [answer.confidence for answer in answers])
    np.testing.assert_allclose(model.predict_proba(photos[0]), table[:1], rtol=1e-4, atol=1e-6)


def test_predict_proba_raises_for_a_photo_that_cannot_be_read(
    model: Recognizer, photos: list[Path], tmp_path: Path
) -> None:
    with pytest.raises(PhotoError, match=r"missing\.jpg"):
        model.predict_proba([photos[0], tmp_path / "missing.jpg"])
    with pytest.raises(PhotoError, match=r"missing\.jpg"):
        model.search(tmp_path / "missing.jpg")


def test_evaluate_and_search_are_the_commands(
    command: Callable[..., Any], model: Recognizer, photos: list[Path], tmp_path: Path
) -> None:
    printed = json.loads(command("evaluate", model.path, "--json", "--rows", tmp_path / "rows.csv").out)
    assert json.loads(json.dumps(model.evaluate().metrics.to_dict())) == printed
    near = json.loads(command("search", model.path, photos[0], "-k", 3, "--json").out)["neighbours"]
    found = model.search(photos[0], 3)
    assert [(one.path, one.label) for one in found] == [(one["path"], one["label"]) for one in near]
    assert [one.path for one in model.search(photos[:2], 3)[0]] == [one.path for one in found]


def test_enroll_and_unenroll_change_the_model_at_once(model_copy: Path, photos: list[Path]) -> None:
    model = fieldmark.load(model_copy)
    before = model.predict(photos)
    enrolment = model.enroll("again", photos[:2])
    assert (enrolment.label, model.classes[-1]) == ("again", "again")
    assert model.search(photos[0], 1)[0].label in model.classes
    model.unenroll("again")
    assert model.predict(photos) == before


def test_export_and_guide_write_their_files(model: Recognizer, tmp_path: Path) -> None:
    report = model.export(tmp_path / "model.onnx")
    assert report.path.is_file()
    assert repr(fieldmark.load(report.path)) == f"Recognizer({report.path}: exported, linear_probe, 4 classes)"
    guide = model.guide(tmp_path / "guide.html", pairs=1, photos=1)
    assert len(guide.counts) == 4
    assert (tmp_path / "guide.html").is_file()


def test_serve_passes_its_settings_on(model: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    from fieldmark.serve import run

    asked: list[Any] = []
    monkeypatch.setattr(run, "serve", lambda *args, **options: asked.append((args, options)))
    model.serve(port=8123, token="secret")
    ((path,), options) = asked[0]
    assert (path, options["host"], options["port"]) == (model.path, "127.0.0.1", 8123)
    assert options["settings"].token == "secret"


def test_repr(model: Recognizer) -> None:
    assert repr(model) == f"Recognizer({model.path}: linear_probe, 4 classes)"
