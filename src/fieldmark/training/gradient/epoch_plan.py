"""How many epochs each stage gets, and how a time budget shortens them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from fieldmark.methods.base import Stage
from fieldmark.training.gradient.optim import WarmupCosine

__all__ = ["BudgetClock", "combined_freeze", "stage_epochs", "steps_within"]

_WARM_STEPS = 2
_MEASURED_STEPS = (3, 10, 30)
_SAFETY = 0.97
"""Share of a budget that is planned with; the rest goes to what comes after the last step."""


def stage_epochs(stages: Sequence[Stage], epochs: int) -> list[int]:
    """Whole epochs for each stage by its share, at least one, adding up to `epochs` where that allows."""
    edges = [0]
    total = sum(stage.share for stage in stages)
    share = 0.0
    for stage in stages:
        share += stage.share
        edges.append(max(edges[-1] + 1, round(epochs * share / total)))
    return [stop - start for start, stop in itertools.pairwise(edges)]


def combined_freeze(names: Sequence[str], first: str | None, second: str | None) -> str | None:
    """The further-reaching of two settings of `Backbone.freeze`, given its stages' names."""
    order = [None, *names, "all"]
    return max(first, second, key=lambda name: order.index(name) if name in order else len(order))


def steps_within(seconds: float, *, step: float, val: float, epoch_steps: int, done: int) -> int:
    """The number of steps after which to end, so that the last validation is over within the time.

    Args:
        seconds: Time left.
        step: Seconds that a step takes.
        val: Seconds that a validation takes.
        epoch_steps: Steps of an epoch.
        done: Steps taken so far.

    Returns:
        A multiple of `epoch_steps` if the epoch that runs can be finished, the last step that fits otherwise.
    """
    left = -done % epoch_steps
    rest = seconds - left * step - (val if left else 0.0)
    if rest < 0:
        return done + max(0, int((seconds - val) / step))
    return done + left + epoch_steps * int(rest / (epoch_steps * step + val))


class BudgetClock(Callback):
    """Ends a stage in time, its learning rate at zero.

    The first steps tell how long an epoch takes; what does not fit is taken off the schedule. After the first
    epoch the plan only ever shrinks, since a rate that has fallen should not rise again.

    Args:
        seconds: For this stage.
        schedule: Its `total` is set.
    """

    def __init__(self, seconds: float, schedule: WarmupCosine) -> None:
        self.deadline = time.monotonic() + _SAFETY * seconds
        self.schedule = schedule
        self._most = schedule.total
        self._steps = 0
        self._since = 0.0
        self._val_seconds: float | None = None
        self._val_started = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._steps = 0

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        self._steps += 1
        if self._steps == _WARM_STEPS:
            self._since = time.monotonic()
        measured = self._steps - _WARM_STEPS
        if measured in _MEASURED_STEPS or (measured > 0 and batch_idx + 1 == trainer.num_training_batches):
            self._replan(trainer, (time.monotonic() - self._since) / measured)
        late = time.monotonic() + (self._val_seconds or 0.0) > self.deadline
        if late or trainer.global_step >= self.schedule.total:
            trainer.should_stop = True

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._val_started = time.monotonic()

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._val_seconds = time.monotonic() - self._val_started

    def _replan(self, trainer: Trainer, step: float) -> None:
        val_batches = sum(int(count) for count in trainer.num_val_batches)
        val = self._val_seconds if self._val_seconds is not None else 0.5 * step * val_batches
        fits = steps_within(
            self.deadline - time.monotonic(),
            step=step,
            val=val,
            epoch_steps=int(trainer.num_training_batches),
            done=trainer.global_step,
        )
        most = self._most if trainer.current_epoch == 0 else self.schedule.total
        self.schedule.total = max(1, min(most, fits))
