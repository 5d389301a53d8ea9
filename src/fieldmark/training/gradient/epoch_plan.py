"""How many epochs each stage gets, and how a time budget shortens them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from fieldmark.methods.base import Stage
from fieldmark.training.gradient.optim import WarmupCosine

if TYPE_CHECKING:
    from lightning.fabric import Fabric

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


class BudgetClock:
    """Ends a stage in time, its learning rate at zero.

    The first steps tell how long an epoch takes; what does not fit is taken off the schedule. After the first
    epoch the plan only ever shrinks, since a rate that has fallen should not rise again.

    Args:
        seconds: For this stage; None for no limit.
        schedule: Its `total` is set.
        epoch_steps: Steps of an epoch.
        val_steps: Batches of a validation.
        fabric: Its first process decides for all.

    Attributes:
        over: The stage has come to its end.
    """

    def __init__(
        self, seconds: float | None, schedule: WarmupCosine, epoch_steps: int, val_steps: int, fabric: Fabric
    ) -> None:
        self.deadline = None if seconds is None else time.monotonic() + _SAFETY * seconds
        self.schedule, self.epoch_steps, self.val_steps = schedule, epoch_steps, val_steps
        self.fabric = fabric
        self.over = False
        self._most = schedule.total
        self._measured = 0
        self._since = 0.0
        self._val_seconds: float | None = None

    def begin_epoch(self) -> None:
        self._measured = -_WARM_STEPS

    def out_of_time(self, done: int) -> bool:
        """Whether the stage must end after its `done`-th step; called after each, it plans the steps that still fit."""
        if self.deadline is None:
            return False
        if self.fabric.device.type == "cuda":
            torch.cuda.synchronize()  # steps are only queued so far
        self._measured += 1
        now = time.monotonic()
        if self._measured == 0:
            self._since = now
        last = done % self.epoch_steps == 0
        if self._measured in _MEASURED_STEPS or (self._measured > 0 and last):
            self._plan(done, (now - self._since) / self._measured)
        late = now + (self._val_seconds or 0.0) > self.deadline
        late, self.schedule.total = self.fabric.broadcast((late, self.schedule.total))
        self.over = late or done >= self.schedule.total
        return self.over

    @contextmanager
    def validating(self) -> Iterator[None]:
        """Measure how long a validation takes."""
        started = time.monotonic()
        yield
        self._val_seconds = time.monotonic() - started

    def _plan(self, done: int, step: float) -> None:
        assert self.deadline is not None
        fits = steps_within(
            self.deadline - time.monotonic(),
            step=step,
            val=self._val_seconds if self._val_seconds is not None else 0.5 * step * self.val_steps,
            epoch_steps=self.epoch_steps,
            done=done,
        )
        first_epoch = done <= self.epoch_steps
        self.schedule.total = max(1, min(self._most if first_epoch else self.schedule.total, fits))
