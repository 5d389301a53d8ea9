"""The end of every epoch: score, best weights, patience, checkpoint, and a line for the eyes."""

from __future__ import annotations

import logging
import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from rich.progress import Progress

from fieldmark.training.gradient.checkpoints import RunFolder
from fieldmark.training.gradient.lightning_module import MethodModule
from fieldmark.training.gradient.run_state import RunState

__all__ = ["Journal"]

logger = logging.getLogger(__name__)


class Journal(Callback):
    """Keeps the `RunState` and the checkpoint that holds it.

    It must come before a moving average in the list of callbacks: at the end of a validation, the averaged weights
    are then still in place when the best are kept.

    Args:
        state: Grows with every epoch.
        folder: Where the checkpoint goes.
        patience: Epochs without a better val score before the stage ends.
        bar: Shows the steps.
        planned_epochs: In all stages together.
    """

    def __init__(
        self, state: RunState, folder: RunFolder, patience: int | None, bar: Progress, planned_epochs: int
    ) -> None:
        self.state = state
        self.folder = folder
        self.patience = patience
        self.bar = bar
        self.planned_epochs = planned_epochs
        self._task = bar.add_task("", total=None)
        self._clock = time.monotonic()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        description = f"epoch {self.state.epochs + 1} of {self.planned_epochs}"
        self.bar.reset(self._task, total=int(trainer.num_training_batches), description=description)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        self.bar.advance(self._task)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, MethodModule)
        top1, loss = float(pl_module.val_top1.compute()), float(pl_module.val_loss.compute())
        self.state.add_val(pl_module.method, top1, loss)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, MethodModule)
        state = self.state
        state.train_loss.append(float(pl_module.train_loss.compute()))
        if self.patience is not None and state.waited >= self.patience:
            state.stopped_early = trainer.should_stop = True
        state.stage_done = trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs
        now = time.monotonic()
        state.seconds, spent, self._clock = state.seconds + now - self._clock, now - self._clock, now
        trainer.save_checkpoint(self.folder.checkpoint)
        if trainer.is_global_zero:
            logger.info(self._line(spent))

    def on_save_checkpoint(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        checkpoint["run_state"] = self.state.to_dict()

    def _line(self, seconds: float) -> str:
        state = self.state
        line = f"epoch {state.epochs} of {self.planned_epochs}: loss {state.train_loss[-1]:.3f}"
        if state.val_top1:
            line += f", val top-1 {100 * state.val_top1[-1]:.1f} %"
            line += " (best)" if state.best_epoch == state.epochs else ""
        return f"  {line}, {seconds:.0f} s"
