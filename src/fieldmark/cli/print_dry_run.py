"""``fieldmark fit --dry-run``: one training step, and the estimate of the whole training from it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldmark.methods.settings_base import FitSettings
    from fieldmark.structures import RecordList
    from fieldmark.training.gradient.dry_run import DryRun

__all__ = ["try_one_step"]


def try_one_step(
    data: Path | RecordList | None,
    method: str | None,
    options: Mapping[str, Any],
    recipe: Path | None,
    overrides: Sequence[str],
) -> None:
    """Take a step on the photos, or on drawn ones with as many classes as the recipe states, and print its cost.

    Raises:
        SettingError: Neither the photos nor a recipe state the number of classes and photos.
    """
    from fieldmark.data.class_subset import choose_classes
    from fieldmark.data.read import read
    from fieldmark.errors import SettingError
    from fieldmark.recipe import build_settings, recipe_dataset
    from fieldmark.structures import RecordList
    from fieldmark.training.gradient.dry_run import dry_run

    settings = build_settings(method, options, recipe=recipe, overrides=overrides)
    if data is not None:
        records = data if isinstance(data, RecordList) else read(data)
        records = choose_classes(records, settings.classes) if settings.classes else records
        train = records.like(record for record in records if record.split != "test")
        classes, photos, what = len(records.classes), len(train), str(records.root or data)
    else:
        stated = recipe_dataset(recipe) if recipe else None
        if stated is None:
            raise SettingError("--dry-run needs DATA, or a recipe whose [dataset] states classes and photos")
        train, classes, photos, what = None, stated.classes, stated.photos, stated.name
    learned = round(photos * (1 - settings.val_fraction))
    with _drawn(settings) if train is None else nullcontext(train) as records:
        step = dry_run(settings, classes, learned, records)
    _print(step, f"{settings.method}, {classes} classes", f"{learned:,} of {what}")


@contextmanager
def _drawn(settings: FitSettings) -> Iterator[RecordList]:
    """Draw pictures with boxes and parts for a batch."""
    from fieldmark_synth import synthesize

    count = getattr(settings, "batch_size", 2)  # methods that take no steps are refused later
    with tempfile.TemporaryDirectory(prefix="fieldmark-dry-run-") as folder:
        yield synthesize(Path(folder) / "photos", 2, -(-count // 2) + 2, "cub", 0, 256, test_fraction=0.0)


def _print(step: DryRun, model: str, photos: str) -> None:
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
