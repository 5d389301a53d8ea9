"""One step of a training: the model is the real one, and what is projected follows from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fieldmark.data.read import read
from fieldmark.errors import SettingError
from fieldmark.recipe import build_settings, recipe_dataset
from fieldmark.structures import RecordList
from fieldmark.training.gradient import dry_run as module
from fieldmark.training.gradient.dry_run import dry_run
from fieldmark_synth import synthesize

RECIPE = Path(__file__).resolve().parents[3] / "recipes" / "cub_isqrt_cov_resnet50.toml"
SMALL = ("backbone=test_efficientnet", "image_size=64", "batch_size=4", "projected=8")


def test_a_recipe_builds_its_model_for_other_photos(birds: Path) -> None:
    settings, dataset = build_settings(recipe=RECIPE, overrides=SMALL), recipe_dataset(RECIPE)
    assert dataset is not None
    step = dry_run(settings, dataset.classes, 5000, read(birds))
    assert step.batch_size == step.wanted_batch_size == 4
    assert step.steps == 100 * 1250
    assert step.seconds == pytest.approx(step.step_seconds * step.steps, rel=1e-6)
    assert step.parameters == step.trained > 8 * 9 // 2 * dataset.classes
    assert step.loss > 0


def test_it_takes_the_given_photos_and_a_batch_that_fits(birds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert module._fitting_batch(16, 0) == 16
    monkeypatch.setattr(module, "free_memory", lambda: 1000)
    assert module._fitting_batch(16, 200) == 8  # 100 bytes a photo, eight tenths of what is free
    assert module._fitting_batch(16, 10_000) == 2
    monkeypatch.setattr(module, "free_memory", lambda: 1)
    monkeypatch.setattr(module, "peak_memory", iter([0, 100] * 9).__next__)
    settings = build_settings("fine_tune", overrides=("backbone=test_efficientnet", "image_size=64", "batch_size=6"))
    step = dry_run(settings, 4, 60, read(birds))
    assert (step.batch_size, step.wanted_batch_size) == (2, 6)


def test_a_method_with_annotations_takes_a_step(tmp_path: Path) -> None:
    settings = build_settings("part_rcnn", overrides=("backbone=test_efficientnet", "image_size=64", "batch_size=2"))
    photos = synthesize(tmp_path / "photos", 3, 4, "cub", 0, 128, test_fraction=0.0)
    assert dry_run(settings, 3, 10, photos).loss > 0


def test_methods_without_steps_are_refused() -> None:
    with pytest.raises(SettingError) as caught:
        dry_run(build_settings("linear_probe"), 3, 10, RecordList([], ["a"]))
    expected = "--dry-run tries a step of gradient descent, but 'linear_probe' takes none; fit it as it is"
    assert str(caught.value) == expected


def test_the_command_draws_photos_for_a_recipe(command: Callable[..., Any]) -> None:
    options = [option for setting in SMALL for option in ("--set", setting)]
    done = command("fit", "--dry-run", "--recipe", RECIPE, *options)
    assert done.code == 0, done.err
    assert "isqrt_cov, 200 classes: " in done.err


def test_the_command_needs_photos_or_a_recipe_that_states_them(command: Callable[..., Any]) -> None:
    done = command("fit", "--dry-run", "--method", "cbam")
    assert done.code == 2
    assert "--dry-run needs DATA, or a recipe whose [dataset] states classes and photos" in done.err
