"""A fit by gradient descent, from photos to the model folder."""

from __future__ import annotations

import json
from pathlib import Path

import fieldmark


def test_a_fit_keeps_the_curves_of_its_epochs_and_writes_its_log(birds: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    options = {"image_size": 64, "epochs": 2, "device": "cpu", "logger": "csv"}
    fieldmark.fit(birds, model, method="fine_tune", overrides=["probe_start=0", "batch_size=16"], **options)
    [member] = json.loads((model / "fieldmark.json").read_text())["members"]
    assert member["history"].keys() == {"train_loss", "val_loss", "val_top1"}
    assert all(len(values) == 2 for values in member["history"].values())
    assert len((tmp_path / "model.logs" / "metrics.csv").read_text().splitlines()) == 3
    assert not (tmp_path / "model.run").exists()
