"""Ensembles: the selection, its errors, and an ensemble of two real models."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fieldmark import Recognizer, SettingError, fit
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.combine_models import combine, select_greedily
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.prepare import prepare
from fieldmark.data.read import read
from fieldmark.methods.ensemble import Ensemble

Floats = NDArray[np.float64]
LABELS = np.arange(60) % 3


def answers(seed: int, skill: float) -> Floats:
    """Generate probabilities of 60 photos; more skill gives more correct answers."""
    logits = np.random.default_rng(seed).normal(size=(60, 3)) + skill * np.eye(3)[LABELS]
    return np.asarray(np.exp(logits) / np.exp(logits).sum(1, keepdims=True))


def loss(probabilities: Floats) -> float:
    return float(-np.log(probabilities[np.arange(60), LABELS]).mean())


def mean(models: list[Floats], picks: list[int]) -> Floats:
    return np.asarray(np.mean([models[pick] for pick in picks], axis=0))


def test_a_far_better_model_is_selected_alone() -> None:
    sure = np.where(np.eye(3)[LABELS] > 0, 0.98, 0.01)
    assert set(select_greedily([answers(0, 0.0), sure, answers(1, 0.0)], LABELS, 10)) == {1}


def test_the_first_pick_is_the_best_model_and_each_next_pick_the_best_addition() -> None:
    models = [answers(seed, skill) for seed, skill in ((0, 1.0), (1, 1.2), (2, 0.8))]
    picks = select_greedily(models, LABELS, 3)
    for number in range(1, len(picks) + 1):
        rest = picks[: number - 1]
        slow = min(range(3), key=lambda model: loss(mean(models, [*rest, model])))
        assert picks[number - 1] == slow


def test_the_ensemble_is_never_worse_than_the_best_model_and_near_the_best_mixture() -> None:
    models = [answers(seed, 1.0) for seed in range(3)]
    picks = select_greedily(models, LABELS, 50)
    found = loss(mean(models, picks))
    assert found <= min(loss(model) for model in models)
    grid = [weights for weights in product(range(11), repeat=3) if sum(weights) == 10]
    best = min(loss(np.tensordot(np.array(weights) / 10, models, 1)) for weights in grid)
    assert found <= best + 0.002


def test_a_copy_changes_nothing() -> None:
    models = [answers(0, 1.0), answers(1, 1.0)]
    picks, doubled = select_greedily(models, LABELS, 20), select_greedily([*models, models[1]], LABELS, 20)
    np.testing.assert_allclose(mean(models, picks), mean([*models, models[1]], doubled))


@pytest.fixture(scope="module")
def other(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fit a second model of the same split, at another image size."""
    out = tmp_path_factory.mktemp("models") / "other"
    fit(birds, out, method="linear_probe", image_size=64, test_views=1, poolings=("gem",))
    return out


@pytest.fixture(scope="module")
def together(birds: Path, fitted: Path, other: Path, tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    out = tmp_path_factory.mktemp("models") / "together"
    return fit(birds, out, method="ensemble", models=(fitted, other))


def test_its_members_are_those_of_the_models(together: Recognizer, fitted: Path, other: Path, birds: Path) -> None:
    """Same logits and temperatures; the weights add up to 1."""
    by_size = {Recognizer(folder).manifest.members[0].preprocess.image_size: folder for folder in (fitted, other)}
    members = together.manifest.members
    assert sum(member.weight for member in members) == pytest.approx(1)
    for member in members:
        folder = by_size[member.preprocess.image_size]
        facts = Recognizer(folder).manifest.members[0]
        assert (member.temperature, member.views, member.method) == (facts.temperature, facts.views, facts.method)
        photos = [open_photo(path) for path in sorted(birds.rglob("*.jpg"))[::16]]
        stack = np.stack([facts.preprocess(photo) for photo in photos])
        here, there = (
            OnnxRunner(graph).run(stack)["logits"] for graph in (together.folder / member.graph, folder / facts.graph)
        )
        np.testing.assert_allclose(here, there, rtol=1e-4, atol=1e-4)


def test_the_manifest_describes_the_ensemble(together: Recognizer, fitted: Path) -> None:
    manifest = together.manifest
    assert manifest.method == "ensemble"
    assert manifest.data == Recognizer(fitted).manifest.data
    assert manifest.data.learned == ["train", "val"]
    assert manifest.figures["val_top1"] is not None
    weights = [member.weight for member in manifest.members]
    assert weights == sorted(weights, reverse=True)
    assert [step.split(":")[0] for step in manifest.steps] == [fitted.name, "other", "together"]


def test_calibration_photos_do_not_change_the_weights(
    birds: Path, fitted: Path, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their labels do not change the weights; their logits are kept for the calibration."""
    photos = prepare(read(birds)).photos
    settings = Ensemble.Settings(models=(fitted, other))
    wrong = photos.records.like(
        replace(record, label=(record.label + 1) % 4) if role == "calibration" else record
        for record, role in zip(photos.records, photos.roles, strict=True)
    )
    assert wrong.labels != photos.records.labels
    monkeypatch.setattr("fieldmark.combine_models._demand_alike", lambda *_: None)  # other labels, other fingerprint
    honest, misled = (combine(table, settings) for table in (photos, replace(photos, records=wrong)))
    assert [one.spec.weight for one in honest.members] == [one.spec.weight for one in misled.members]
    assert honest.members[0].val_logits.shape == (len(photos.of_split("val")), 4)


def refused(data: Path, out: Path, *models: Path, **options: object) -> str:
    with pytest.raises(SettingError) as raised:
        fit(data, out, method="ensemble", models=models, **options)
    return str(raised.value)


def test_one_model_is_not_an_ensemble(birds: Path, fitted: Path, tmp_path: Path) -> None:
    message = refused(birds, tmp_path / "out", fitted)
    assert message == "an ensemble needs at least two models, but got 1: --set models=A,B"


def test_a_model_of_other_classes(birds: Path, fitted: Path, tmp_path: Path) -> None:
    fewer = tmp_path / "fewer"
    shutil.copytree(birds, fewer)
    shutil.rmtree(sorted(fewer.iterdir())[0])
    fit(fewer, tmp_path / "three", method="linear_probe", image_size=64, test_views=1)
    assert refused(birds, tmp_path / "out", fitted, tmp_path / "three") == (
        f"the models of an ensemble must have the same classes, but {tmp_path / 'three'} (3) and {fitted} (4) differ; "
        "fit both on the same data"
    )


def test_a_model_of_another_split(birds: Path, fitted: Path, model_copy: Path, tmp_path: Path) -> None:
    file = model_copy / "fieldmark.json"
    facts = Recognizer(fitted).manifest.data
    file.write_text(file.read_text().replace(facts.fingerprint, "0" * 32))
    assert refused(birds, tmp_path / "out", fitted, model_copy) == (
        f"the models of an ensemble must come from the same photos and splits, but {model_copy} and {fitted} differ; "
        "fit both on the same data with the same seed"
    )


def test_data_of_another_split(birds: Path, fitted: Path, other: Path, tmp_path: Path) -> None:
    assert refused(birds, tmp_path / "out", fitted, other, seed=1) == (
        f"an ensemble needs the photos and splits of its models, but these data differ from those of {fitted}; "
        f"give {birds} with --seed 0, val_fraction 0.1 and test_fraction 0.2"
    )


def test_settings_of_the_models_cannot_be_set(birds: Path, fitted: Path, other: Path, tmp_path: Path) -> None:
    message = refused(birds, tmp_path / "out", fitted, other, backbone="lite2")
    assert message == (
        "setting 'backbone' of ensemble: value error, the models bring their own; leave it out, but got 'lite2'"
    )


def test_the_command(birds: Path, fitted: Path, other: Path, tmp_path: Path, command: Callable[..., Any]) -> None:
    models = f"models={fitted},{other}"
    result = command("fit", birds, "--method", "ensemble", "--set", models, "--out", tmp_path / "out")
    assert result.code == 0, result.err
    assert "together: " in result.err
    assert Recognizer(tmp_path / "out").manifest.settings["models"] == [str(fitted), str(other)]
