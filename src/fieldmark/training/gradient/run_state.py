"""How far a training has come: what outlives an interruption besides weights and optimizer."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from torch import Tensor, nn

__all__ = ["History", "RunState"]


@dataclass(frozen=True, slots=True)
class History:
    """The account of a training.

    Attributes:
        epochs: How many were run, in all stages.
        best_epoch: The 1-based epoch whose weights the method holds now.
        averaged: Those weights are the moving average of that epoch (`ema`), not the last step's.
        val_top1: Accuracy on val after each epoch; empty without val.
        val_loss: Cross-entropy on val after each epoch; empty without val.
        train_loss: Mean over each epoch.
        seconds: Wall time, interrupted runs counted in.
        stopped_early: `patience` ended a stage before its last epoch.
        peak_memory: Most bytes held, of the GPU or else of the process; None where the system does not tell.
    """

    epochs: int
    best_epoch: int
    averaged: bool
    val_top1: tuple[float, ...]
    val_loss: tuple[float, ...]
    train_loss: tuple[float, ...]
    seconds: float
    stopped_early: bool
    peak_memory: int | None

    def curves(self) -> dict[str, list[float]]:
        """The figures of each epoch by name; those of val are missing without val."""
        named = {"train_loss": self.train_loss, "val_loss": self.val_loss, "val_top1": self.val_top1}
        return {name: list(values) for name, values in named.items() if values}


@dataclass(slots=True)
class RunState:
    """The growing account, as it lies in the checkpoint.

    Attributes:
        stage: The stage of training that runs.
        stage_done: It has come to its end.
        epochs_before: Epochs of the stages before it.
        waited: Epochs of this stage since the last better one.
        best_weights: State dict of the method at `best_epoch`, on the CPU; empty without val.
    """

    stage: int = 0
    stage_done: bool = False
    epochs_before: int = 0
    stopped_early: bool = False
    train_loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    val_top1: list[float] = field(default_factory=list)
    best_epoch: int = 0
    waited: int = 0
    seconds: float = 0.0
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        return len(self.train_loss)

    def add_val(self, method: nn.Module, top1: float, loss: float) -> None:
        """Take in the val score of an epoch, and the weights if it is the best so far.

        The higher accuracy is better, and among equal ones the lower loss: few val photos often tie.
        """
        best = self.best_epoch - 1
        better = not self.val_top1 or (top1, -loss) > (self.val_top1[best], -self.val_loss[best])
        self.val_top1.append(top1)
        self.val_loss.append(loss)
        self.waited = 0 if better else self.waited + 1
        if better:
            self.best_epoch = len(self.val_top1)
            self.best_weights = {name: tensor.detach().cpu().clone() for name, tensor in method.state_dict().items()}

    def figures(self, epoch: int) -> dict[str, float]:
        """The figures of a 0-based epoch by name."""
        named = {"train_loss": self.train_loss, "val_loss": self.val_loss, "val_top1": self.val_top1}
        return {name: values[epoch] for name, values in named.items() if values}

    def next_stage(self) -> None:
        self.stage += 1
        self.epochs_before = self.epochs
        self.stage_done = False
        self.waited = 0

    def history(self, *, averaged: bool, peak_memory: int | None) -> History:
        return History(
            epochs=self.epochs,
            best_epoch=self.best_epoch or self.epochs,
            averaged=averaged,
            val_top1=tuple(self.val_top1),
            val_loss=tuple(self.val_loss),
            train_loss=tuple(self.train_loss),
            seconds=self.seconds,
            stopped_early=self.stopped_early,
            peak_memory=peak_memory,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values and tensors, which load without running code."""
        return {part.name: getattr(self, part.name) for part in fields(self)}
