"""A moving average of the weights."""

from __future__ import annotations

from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

__all__ = ["WarmedAverage"]


class WarmedAverage(WeightAveraging):
    """Exponential moving average of weights and batch-norm statistics, which validation and the result use.

    After n updates the decay is min(`decay`, (1 + n) / (10 + n)), so that the first weights are soon forgotten.
    """

    def __init__(self, decay: float) -> None:
        def average(averaged: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
            kept = min(decay, (1 + int(updates)) / (10 + int(updates)))
            return averaged + (1 - kept) * (current - averaged)

        super().__init__(use_buffers=True, avg_fn=average)
