"""A moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["WeightAverage"]


class WeightAverage:
    """Exponential moving average of weights and batch-norm statistics, which validation and the result use.

    After n updates the decay is min(`decay`, (1 + n) / (10 + n)), so that the first weights are soon forgotten.

    Args:
        method: What is averaged.
        decay: 0 keeps no average: it is the method's own weights.
    """

    def __init__(self, method: nn.Module, decay: float) -> None:
        self.method = method
        self.decay = decay
        self.updates = 0
        now = method.state_dict() if decay else {}
        real = [name for name, tensor in now.items() if tensor.is_floating_point()]
        # Whole numbers, such as counts of batches, have no average: they stay those of the method.
        self.tensors = now | {name: now[name].clone() for name in real}
        self._averages, self._weights = [self.tensors[name] for name in real], [now[name] for name in real]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the method's weights after a step."""
        if not self.decay:
            return
        kept = min(self.decay, (1 + self.updates) / (10 + self.updates)) if self.updates else 0.0
        self.updates += 1
        torch._foreach_lerp_(self._averages, self._weights, 1 - kept)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Lend the average to the method; its own weights come back afterwards."""
        if not self.decay:
            yield
            return
        own = {name: tensor.clone() for name, tensor in self.method.state_dict().items()}
        self.method.load_state_dict(self.tensors)
        try:
            yield
        finally:
            self.method.load_state_dict(own)

    def apply(self) -> None:
        """Give the average to the method for good."""
        if self.decay:
            self.method.load_state_dict(self.tensors)

    def restore(self, tensors: Mapping[str, Tensor], updates: int) -> None:
        """Continue from a checkpoint."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])
        self.updates = updates
