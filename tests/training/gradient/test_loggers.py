"""The log of a training."""

from __future__ import annotations

import csv

import pytest

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.errors import SettingError
from fieldmark.methods.fine_tune import FineTune
from fieldmark.training.gradient import loggers
from fieldmark.training.gradient.loop import train_method

SMALL = Preprocess(image_size=32)
SETTINGS = FineTune.Settings(epochs=3, batch_size=4, precision="32", logger="csv")


def logged(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def test_the_csv_log_holds_the_history_also_of_a_resumed_run(tiny_method, drawings, tmp_path):
    run = tmp_path / "model.run"
    history = train_method(tiny_method(), drawings, drawings, SMALL, SETTINGS, run)
    expected = [
        {"step": epoch + 1, "train_loss": history.train_loss[epoch], "val_loss": history.val_loss[epoch],
         "val_top1": history.val_top1[epoch]}
        for epoch in range(3)
    ]  # fmt: skip
    assert logged(tmp_path / "model.logs") == expected
    train_method(tiny_method(), drawings, drawings, SMALL, SETTINGS, run, resume=True)
    assert logged(tmp_path / "model.logs") == expected


def test_tensorboard_writes_its_events(tiny_method, drawings, tmp_path):
    pytest.importorskip("tensorboard", reason="needs tensorboard to write events")
    settings = SETTINGS.model_copy(update={"logger": "tensorboard", "epochs": 1})
    train_method(tiny_method(), drawings, drawings, SMALL, settings, tmp_path / "model.run")
    assert list((tmp_path / "model.logs").rglob("events.out.tfevents.*"))


def test_a_missing_package_is_named_before_anything_is_decoded(tiny_method, drawings, tmp_path, monkeypatch):
    monkeypatch.setattr(loggers, "find_spec", lambda name: None)
    settings = SETTINGS.model_copy(update={"logger": "wandb"})
    with pytest.raises(SettingError) as missing:
        train_method(tiny_method(), drawings, drawings, SMALL, settings, tmp_path / "model.run")
    assert str(missing.value) == "logger 'wandb' needs a package that is not installed: pip install wandb"
    assert not list(tmp_path.iterdir())
