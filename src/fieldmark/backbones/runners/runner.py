"""The interface of all runners: uint8 photos in, named float32 arrays out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from fieldmark.arrays import Float32s, Pixels

__all__ = ["Runner"]


class Runner(ABC):
    """A network that no longer changes, ready to be called from many threads at once.

    Attributes:
        outputs: Names of the outputs, in the order of the network.
    """

    outputs: tuple[str, ...]

    @abstractmethod
    def run_inputs(self, feeds: Mapping[str, Pixels]) -> dict[str, Float32s]:
        """Map input names -> uint8 (B, S, S, 3), each with its own side, to output names -> (B, ...)."""

    @abstractmethod
    def batch_size(self, image_size: int) -> int:
        """Return how many photos of that side one call should hold."""

    def run(self, images: Pixels) -> dict[str, Float32s]:
        """Map uint8 (B, S, S, 3) to output names -> (B, ...)."""
        return self.run_inputs({"images": images})

    def run_stack(self, stack: Pixels) -> dict[str, Float32s]:
        """Map uint8 (B, V, S, S, 3) to output names -> (B, V, ...)."""
        found = self.run(np.ascontiguousarray(stack.reshape(-1, *stack.shape[2:])))
        return {name: values.reshape(*stack.shape[:2], *values.shape[1:]) for name, values in found.items()}
