"""``fine_tune``: gradient descent through the backbone."""

from __future__ import annotations

import time
from pathlib import Path

from fieldmark.config import FineTuneSettings
from fieldmark.methods.table import build_method
from fieldmark.progress import say
from fieldmark.training.frozen import FrozenData
from fieldmark.training.member import Member, Trained
from fieldmark.training.outputs import method_logits

__all__ = ["train_fine_tune"]


def train_fine_tune(
    data: FrozenData, settings: FineTuneSettings, run_dir: Path, *, resume: bool = False, budget: float | None = None
) -> Trained:
    """Train through the one loop, then take the val logits by the graph that is shipped.

    Args:
        data: Train and val photos.
        settings: How to train.
        run_dir: Where checkpoints go.
        resume: Continue from them.
        budget: Seconds that training may take.
    """
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
