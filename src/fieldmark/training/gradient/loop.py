"""The loop that trains any method: its stages, their epochs, their batches."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.errors import SettingError
from fieldmark.methods.base import Method, Stage
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.progress import progress_bar
from fieldmark.structures import RecordList
from fieldmark.training.gradient.batch_sums import BatchSums, validate
from fieldmark.training.gradient.cached_maps import cached_frozen_stages, check_cached_views
from fieldmark.training.gradient.checkpoints import RunFolder, describe_run
from fieldmark.training.gradient.epoch_plan import BudgetClock, stage_epochs
from fieldmark.training.gradient.hardware import (
    depthwise_in_float32,
    half_precision,
    peak_memory,
    start_fabric,
    training_device,
)
from fieldmark.training.gradient.head_start import start_head
from fieldmark.training.gradient.journal import Journal
from fieldmark.training.gradient.learner import Learner, freeze_for
from fieldmark.training.gradient.loggers import check_logger, open_logger
from fieldmark.training.gradient.optim import WarmupCosine
from fieldmark.training.gradient.photo_batches import PlainPhotos, TrainingPhotos, ValPhotos
from fieldmark.training.gradient.processes import train_together
from fieldmark.training.gradient.run_state import History
from fieldmark.training.gradient.samplers import mix_seed

if TYPE_CHECKING:
    from lightning.fabric import Fabric

__all__ = ["History", "train_method"]


def train_method(
    method: Method,
    train: RecordList,
    val: RecordList,
    preprocess: Preprocess,
    settings: GradientSettings,
    run_dir: Path,
    *,
    resume: bool = False,
    budget: float | None = None,
    probe_start: float = 0.0,
) -> History:
    """Train a method through all its stages.

    Afterwards it holds the weights of the best val epoch (their moving average with `ema`), or those of the last
    epoch without val, is in evaluation mode on the CPU, and has no frozen parameters. The same seed gives the same
    weights on a CPU with the same number of threads, interrupted or not.

    Args:
        method: Trained in place.
        train: Photos to learn from.
        val: Photos to choose the epoch by; may be empty.
        preprocess: How val photos become arrays; training crops follow its geometry.
        settings: How to train, and on which device.
        run_dir: Where ``last.ckpt`` is written after each epoch.
        resume: Continue from it.
        budget: Seconds after which training must be over, with its learning rate at zero.
        probe_start: Fit a linear head before the first stage and scale it by this factor; 0 leaves it as it is.

    Raises:
        SettingError: Settings that do not fit, or nothing to resume.
        PhotoError: A photo cannot be read.
        TrainingError: One of several processes ended before its time.
        SystemExit: This is not the first of several machines: training is over here.
        KeyboardInterrupt: Ctrl-C; the last epoch's checkpoint remains.
    """
    deadline = None if budget is None else time.monotonic() + budget
    _check(train, val, settings)
    stages = _stages_to_run(method, fitted_head=probe_start > 0 and method.linear_head is not None)
    check_cached_views(method, settings, settings.devices * settings.nodes, len(stages))
    device = training_device(settings.device)
    half = half_precision(settings.precision, device)
    run = partial(
        _train,
        method=method,
        train=train,
        val=val,
        preprocess=preprocess,
        settings=settings,
        run_dir=run_dir,
        resume=resume,
        deadline=deadline,
        probe_start=probe_start,
    )
    if settings.devices * settings.nodes == 1:
        return run(start_fabric(device, half=half), half=half)
    history = train_together(run, method, settings, run_dir, half=half)
    _unfreeze(method)
    return history


def _train(
    fabric: Fabric,
    *,
    method: Method,
    train: RecordList,
    val: RecordList,
    preprocess: Preprocess,
    settings: GradientSettings,
    run_dir: Path,
    resume: bool,
    deadline: float | None,
    probe_start: float,
    half: bool,
) -> History:
    """Train in this process."""
    device = fabric.device
    description = describe_run(method, train, val, preprocess, settings)
    fitted_head = probe_start > 0 and method.linear_head is not None
    stages = _stages_to_run(method, fitted_head=fitted_head)
    epochs = stage_epochs([stage for _, stage in stages], settings.epochs)

    with _surroundings(method, device, half=half), progress_bar() as bar:
        folder = RunFolder(run_dir, fabric)
        state = folder.open(description, resume=resume)
        photos = TrainingPhotos(train, preprocess, settings, fabric, method.point_names)
        val_photos = ValPhotos(val, preprocess, settings.batch_size, fabric)
        plain_photos = PlainPhotos(train, preprocess, settings.batch_size, device, method.point_names or ())
        log = open_logger(settings.logger, run_dir) if fabric.is_global_zero else None
        journal = Journal(state, bar, sum(epochs), log, aloud=fabric.is_global_zero)
        if state.stage_done:
            method.load_state_dict(folder.load()["state_dict"])
            state.next_stage()

        for index in range(state.stage, len(stages)):
            number, stage = stages[index]
            steps = photos.steps(index)
            freeze_for(method, stage, settings)
            resumed = state.epochs > state.epochs_before
            if not resumed:
                torch.manual_seed(mix_seed(settings.seed, index))
                method.eval().begin_stage(number, plain_photos)
                if index == 0 and fitted_head:
                    start_head(method, plain_photos, len(train), probe_start, half=half)
            with cached_frozen_stages(method, photos, val_photos, preprocess, run_dir) as (learned, scored):
                schedule = WarmupCosine(epochs[index] * steps, settings.warmup)
                clock = BudgetClock(_seconds_for(stages[index:], deadline), schedule, steps, len(scored), fabric)
                learner = Learner(fabric, method, settings, stage, index, preprocess, schedule, fitted_head=fitted_head)
                if resumed:
                    learner.load_state_dict(folder.load())

                for epoch in range(state.epochs - state.epochs_before, epochs[index]):
                    learner.begin_epoch()
                    clock.begin_epoch()
                    losses = BatchSums(fabric, 1)
                    for batch in journal.steps(learned.batches(index, epoch), steps):
                        loss = learner.step(batch)
                        losses.add(len(batch.labels), loss * len(batch.labels))
                        if clock.out_of_time(learner.steps):
                            break
                    state.train_loss += losses.means()
                    with learner.average.in_place(), clock.validating():
                        if val:
                            state.add_val(method, *validate(learner, scored, fabric))
                    state.stopped_early = settings.patience is not None and state.waited >= settings.patience
                    state.stage_done = state.stopped_early or clock.over or epoch + 1 == epochs[index]
                    journal.end_epoch()
                    folder.save(state, learner.state_dict())
                    if state.stage_done:
                        break
                learner.average.apply()
            state.next_stage()

        if state.best_weights:
            method.load_state_dict(state.best_weights)
        _unfreeze(method)
        method.finish(plain_photos)
    return state.history(averaged=settings.ema > 0, peak_memory=peak_memory())


def _stages_to_run(method: Method, *, fitted_head: bool) -> list[tuple[int, Stage]]:
    """The stages with their numbers in `Method.stages`, without those that a fitted head makes needless."""
    return [(number, stage) for number, stage in enumerate(method.stages()) if not (fitted_head and stage.fits_head)]


def _seconds_for(stages: Sequence[tuple[int, Stage]], deadline: float | None) -> float | None:
    """Time for the first of the stages to come, by its share of them."""
    if deadline is None:
        return None
    return stages[0][1].share / sum(stage.share for _, stage in stages) * (deadline - time.monotonic())


def _unfreeze(method: Method) -> None:
    """Everything trainable again, and in evaluation mode."""
    for backbone in method.backbones:
        backbone.freeze(None)
    method.freeze_parts(None)
    method.eval()


@contextmanager
def _surroundings(method: Method, device: torch.device, *, half: bool) -> Iterator[None]:
    """What holds only while a method trains: its device and memory layout, precision, random state."""
    method.to(device).to(memory_format=torch.channels_last)
    try:
        with (
            torch.random.fork_rng([device] if device.type == "cuda" else []),
            depthwise_in_float32(method) if half and device.type == "cpu" else nullcontext(),
        ):
            yield
    finally:
        _unfreeze(method)
        method.cpu().to(memory_format=torch.contiguous_format)


def _check(train: RecordList, val: RecordList, settings: GradientSettings) -> None:
    check_logger(settings.logger)
    if not train:
        raise SettingError("training needs photos, but the train split is empty: give each class at least one")
    if settings.patience is not None and not val:
        raise SettingError("patience needs val photos to score with, but there are none: raise val_fraction")
