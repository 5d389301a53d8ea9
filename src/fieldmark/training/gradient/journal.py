"""What a person sees of a training: the bar, a line for each epoch, and the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.progress import Progress

from fieldmark.training.gradient.loggers import EpochLogger
from fieldmark.training.gradient.run_state import RunState

__all__ = ["Journal"]

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Journal:
    """Follows a `RunState`.

    Args:
        state: Grows with every epoch; `Journal` keeps its `seconds`.
        bar: Shows the steps.
        planned_epochs: In all stages together.
        log: None for no log.
        aloud: Say a line for each epoch; only the first of several processes does.
    """

    def __init__(
        self, state: RunState, bar: Progress, planned_epochs: int, log: EpochLogger | None, *, aloud: bool = True
    ) -> None:
        self.state, self.bar, self.planned_epochs = state, bar, planned_epochs
        self.log, self.aloud = log, aloud
        self._task = bar.add_task("", total=None)
        self._clock = time.monotonic()
        for epoch in range(state.epochs):  # a resumed run's log begins with the epochs before
            self._write(epoch)

    def steps(self, batches: Iterable[T], total: int) -> Iterator[T]:
        """The batches of an epoch, shown as they pass."""
        description = f"epoch {self.state.epochs + 1} of {self.planned_epochs}"
        self.bar.reset(self._task, total=total, description=description)
        for batch in batches:
            yield batch
            self.bar.advance(self._task)

    def end_epoch(self) -> None:
        """Count the time, write the log, and say a line."""
        now = time.monotonic()
        spent, self._clock = now - self._clock, now
        self.state.seconds += spent
        self._write(self.state.epochs - 1)
        if self.aloud:
            logger.info(self._line(spent))

    def _write(self, epoch: int) -> None:
        if self.log is None:
            return
        self.log.log_metrics(self.state.figures(epoch), epoch + 1)
        self.log.save()

    def _line(self, seconds: float) -> str:
        state = self.state
        line = f"epoch {state.epochs} of {self.planned_epochs}: loss {state.train_loss[-1]:.3f}"
        if state.val_top1:
            line += f", val top-1 {100 * state.val_top1[-1]:.1f} %"
            line += " (best)" if state.best_epoch == state.epochs else ""
        return f"  {line}, {seconds:.0f} s"
