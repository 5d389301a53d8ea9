"""``fieldmark fit --dry-run``: one step, and what it tells of the whole training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["try_one_step"]


def try_one_step(
    data: Path | None, method: str | None, options: Mapping[str, Any], recipe: Path | None, overrides: Sequence[str]
) -> None:
    """Take a step on the photos, or on drawn ones with as many classes as the recipe states, and print what it took.

    Raises:
        SettingError: Neither photos nor a recipe tell how many classes and photos there are.
    """
    from fieldmark.data.class_subset import choose_classes
    from fieldmark.data.read import read
    from fieldmark.errors import SettingError
    from fieldmark.recipe import build_settings, recipe_dataset
    from fieldmark.training.gradient.dry_run import dry_run

    settings = build_settings(method, options, recipe=recipe, overrides=overrides)
    if data is not None:
        records = read(data)
        records = choose_classes(records, settings.classes) if settings.classes else records
        train = records.like(record for record in records if record.split != "test")
        classes, photos, what = len(records.classes), len(train), str(data)
    else:
        stated = recipe_dataset(recipe) if recipe else None
        if stated is None:
            raise SettingError("--dry-run needs DATA, or a recipe whose [dataset] states classes and photos")
        train, classes, photos, what = None, stated.classes, stated.photos, stated.name
    learned = round(photos * (1 - settings.val_fraction))
    _print(
        dry_run(settings, classes, learned, train), f"{settings.method}, {classes} classes", f"{learned:,} of {what}"
    )


def _print(step: Any, model: str, photos: str) -> None:
    from fieldmark.progress import say

    memory = "unknown" if step.peak_bytes is None else f"{step.peak_bytes / 2**30:.1f} GiB"
    say(f"{model}: {step.parameters / 1e6:.1f} million parameters, {step.trained / 1e6:.1f} million of them trained")
    say("weights: drawn at random for this step, which changes neither memory nor time")
    smaller = "" if step.batch_size == step.wanted_batch_size else f" (not {step.wanted_batch_size}: too little memory)"
    taken = f"{step.step_seconds:.1f} s, loss {step.loss:.2f}"
    say(f"one step on the {step.device} with {step.batch_size} photos{smaller}: {taken}")
    say(f"peak memory: {memory}")
    say(f"the whole training: {step.steps:,} steps, photos to learn from {photos}: about {_duration(step.seconds)}")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"
