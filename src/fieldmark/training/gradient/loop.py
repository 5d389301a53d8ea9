"""The one loop that trains: any method, stage by stage, with Lightning underneath."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import torch
from lightning.pytorch import Callback, Trainer

from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.errors import PhotoError, SettingError
from fieldmark.methods.base import Method, Stage
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.progress import progress_bar
from fieldmark.structures import RecordList
from fieldmark.training.gradient.averaging import WarmedAverage
from fieldmark.training.gradient.checkpoints import RunFolder, describe_run
from fieldmark.training.gradient.epoch_log import Journal
from fieldmark.training.gradient.epoch_plan import BudgetClock, combined_freeze, stage_epochs
from fieldmark.training.gradient.hardware import choose_precision, depthwise_in_float32, peak_memory, trainer_devices
from fieldmark.training.gradient.head_start import start_head
from fieldmark.training.gradient.lightning_module import MethodModule
from fieldmark.training.gradient.loaders import Loaders
from fieldmark.training.gradient.optim import WarmupCosine
from fieldmark.training.gradient.quiet import interruptible, quiet_lightning
from fieldmark.training.gradient.run_state import History, RunState
from fieldmark.training.gradient.samplers import mix_seed

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
        settings: How to train.
        run_dir: Where ``last.ckpt`` is written after each epoch.
        resume: Continue from it.
        budget: Seconds after which training is to be over, with its learning rate at zero.
        probe_start: Fit a linear head before the first stage and scale it by this factor; 0 leaves it as it is.

    Raises:
        SettingError: Settings that do not fit, or nothing to resume.
        PhotoError: A photo cannot be read.
        KeyboardInterrupt: Ctrl-C; the last epoch's checkpoint remains.
    """
    deadline = None if budget is None else time.monotonic() + budget
    _check(train, val, settings)
    folder, description = RunFolder(run_dir), describe_run(method, train, val, preprocess, settings)
    state = folder.resume(description) if resume else folder.begin(description)
    try:
        with _surroundings(method, settings):
            loaders = Loaders(train, val, preprocess, settings, method.point_names)
            _Training(method, loaders, preprocess, settings, folder, state, deadline, probe_start).run()
            if state.best_weights:
                method.load_state_dict(state.best_weights)
            _settle(method)
            method.finish(loaders.photos)
    except PhotoError as error:  # a worker process puts its traceback in front
        raise PhotoError(str(error).strip().splitlines()[-1].removeprefix("fieldmark.errors.PhotoError: ")) from error
    return state.history(averaged=settings.ema > 0, peak_memory=peak_memory())


class _Training:
    """The stages of a method, from wherever the run stands."""

    def __init__(
        self,
        method: Method,
        loaders: Loaders,
        preprocess: Preprocess,
        settings: GradientSettings,
        folder: RunFolder,
        state: RunState,
        deadline: float | None,
        probe_start: float,
    ) -> None:
        self.method, self.loaders, self.preprocess, self.settings = method, loaders, preprocess, settings
        self.folder, self.state, self.deadline = folder, state, deadline
        self.probe_start = probe_start if method.linear_head is not None else 0.0
        self.numbers, self.stages = _stages_to_run(method, fitted_head=self.probe_start > 0)
        self.epochs = stage_epochs(self.stages, settings.epochs)

    def run(self) -> None:
        checkpoint = self.folder.checkpoint if self.state.epochs else None
        if self.state.stage_done:
            self.method.load_state_dict(self.folder.load_weights())
            self.state.next_stage()
            checkpoint = None
        with progress_bar() as bar:
            journal = Journal(self.state, self.folder, self.settings.patience, bar, sum(self.epochs))
            while self.state.stage < len(self.stages):
                self._run_stage(journal, checkpoint)
                self.state.next_stage()
                checkpoint = None

    def _run_stage(self, journal: Journal, checkpoint: Path | None) -> None:
        index, settings = self.state.stage, self.settings
        stage = self.stages[index]
        for backbone in self.method.backbones:
            backbone.freeze(combined_freeze(list(backbone.stages), stage.freeze, settings.freeze))
        self.method.freeze_parts(stage.trains)
        if checkpoint is None:
            self._begin(index)
        loader = self.loaders.train_loader(index, self.state.epochs - self.state.epochs_before)
        schedule = WarmupCosine(self.epochs[index] * len(loader), settings.warmup)
        module = MethodModule(
            self.method, settings, stage, index, self.preprocess, schedule, fitted_head=self.probe_start > 0
        )
        trainer = self._trainer(self.epochs[index], [journal, *self._callbacks(schedule, index)])
        with interruptible(trainer):
            trainer.fit(module, loader, self.loaders.val_loader(), ckpt_path=checkpoint, weights_only=True)

    def _begin(self, index: int) -> None:
        """Let the method look at the photos before a stage, in evaluation mode and with random numbers of its own."""
        torch.manual_seed(mix_seed(self.settings.seed, index))
        self.method.eval()
        self.method.begin_stage(self.numbers[index], self.loaders.photos)
        if index == 0 and self.probe_start:
            half = choose_precision(self.settings.precision) == "bf16-mixed"
            start_head(self.method, self.loaders.photos, self.loaders.num_photos, self.probe_start, half=half)

    def _callbacks(self, schedule: WarmupCosine, index: int) -> list[Callback]:
        callbacks: list[Callback] = [WarmedAverage(self.settings.ema)] if self.settings.ema else []
        if self.deadline is not None:
            to_come = self.stages[index:]
            share = to_come[0].share / sum(stage.share for stage in to_come)
            callbacks.append(BudgetClock(share * (self.deadline - time.monotonic()), schedule))
        return callbacks

    def _trainer(self, epochs: int, callbacks: list[Callback]) -> Trainer:
        return Trainer(
            **trainer_devices(),
            max_epochs=epochs,
            precision=choose_precision(self.settings.precision),
            gradient_clip_val=self.settings.clip_norm or None,
            callbacks=callbacks,
            default_root_dir=self.folder.path,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )


def _stages_to_run(method: Method, *, fitted_head: bool) -> tuple[list[int], list[Stage]]:
    """The stages with their numbers in `Method.stages`, without those that a fitted head makes needless."""
    chosen = [(number, stage) for number, stage in enumerate(method.stages()) if not (fitted_head and stage.fits_head)]
    return [number for number, _ in chosen], [stage for _, stage in chosen]


@contextmanager
def _surroundings(method: Method, settings: GradientSettings) -> Iterator[None]:
    """What holds only while a method trains: memory layout, precision, random state, silence; undone at the end."""
    mixed_on_cpu = choose_precision(settings.precision) == "bf16-mixed" and not torch.cuda.is_available()
    method.to(memory_format=torch.channels_last)
    try:
        with (
            torch.random.fork_rng(range(torch.cuda.device_count())),
            depthwise_in_float32(method) if mixed_on_cpu else nullcontext(),
            quiet_lightning(),
        ):
            yield
    finally:
        _settle(method)


def _settle(method: Method) -> None:
    """Everything trainable again, on the CPU, in the usual memory layout and in evaluation mode."""
    for backbone in method.backbones:
        backbone.freeze(None)
    method.freeze_parts(None)
    method.cpu().to(memory_format=torch.contiguous_format).eval()


def _check(train: RecordList, val: RecordList, settings: GradientSettings) -> None:
    if not train:
        raise SettingError("training needs photos, but the train split is empty: give each class at least one")
    if settings.patience is not None and not val:
        raise SettingError("patience needs val photos to score with, but there are none: raise val_fraction")
