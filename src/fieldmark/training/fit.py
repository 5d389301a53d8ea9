"""From prepared records to a trained model: which method trains how."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fieldmark.config import AutoSettings, FineTuneSettings, FitSettings, LinearProbeSettings
from fieldmark.errors import SettingError
from fieldmark.methods.table import build_method
from fieldmark.progress import say
from fieldmark.structures import RecordList
from fieldmark.training.auto import train_auto
from fieldmark.training.frozen import FrozenData
from fieldmark.training.linear_probe import train_linear_probe
from fieldmark.training.member import Member, Trained
from fieldmark.training.outputs import method_logits

__all__ = ["train"]


def train(
    records: RecordList,
    groups: NDArray[np.int64],
    settings: FitSettings,
    run_dir: Path,
    *,
    resume: bool = False,
) -> Trained:
    """Train a method on the records' train split; val serves for choices, test is not looked at.

    Args:
        records: All photos, each with a split.
        groups: Group number of each; groups do not part in cross-validation.
        settings: Of the method.
        run_dir: Where checkpoints go, for methods that have any.
        resume: Continue from them.
    """
    train_at = np.flatnonzero([record.split == "train" for record in records])
    val_at = np.flatnonzero([record.split == "val" for record in records])
    chosen = records.like(records[index] for index in [*train_at, *val_at])
    data = FrozenData(chosen, len(train_at), groups[train_at])
    match settings:
        case AutoSettings():
            return train_auto(data, settings)
        case LinearProbeSettings():
            return train_linear_probe(data, settings)
        case FineTuneSettings():
            return train_fine_tune(data, settings, run_dir, resume=resume)
    raise SettingError(f"the method '{settings.method}' has no training")


def train_fine_tune(
    data: FrozenData, settings: FineTuneSettings, run_dir: Path, *, resume: bool = False, budget: float | None = None
) -> Trained:
    """Gradient descent through the backbone, then the val logits by the graph that is shipped."""
    from fieldmark.training.loop import train_method

    started = time.monotonic()
    options = {"backbone": settings.backbone, "poolings": list(settings.poolings), "dropout": settings.dropout}
    method = build_method(
        "fine_tune", data.num_classes, options, settings.image_size, pretrained=True, weights=settings.weights
    )
    options["backbone"] = method.backbone.name
    preprocess = method.backbone.preprocess(settings.image_size, settings.resize)
    train_records = data.records.like(data.records[: data.num_train])
    val_records = data.records.like(data.records[data.num_train :])
    history = train_method(
        method, train_records, val_records, preprocess, settings, run_dir, resume=resume, budget=budget
    )
    logits = method_logits(method, val_records, preprocess, settings.test_views)
    accuracy = float((logits.argmax(1) == data.labels[data.val]).mean()) if len(val_records) else None
    step = f"fine-tuned {method.backbone.name} at {preprocess.image_size} px for {history.epochs} epochs"
    if accuracy is not None:
        step += f": {accuracy:.3f} on val"
    step += f" ({time.monotonic() - started:.0f} s)"
    say(f"  {step}")
    return Trained([Member(method, "fine_tune", options, preprocess, settings.test_views, logits)], [step], accuracy)
