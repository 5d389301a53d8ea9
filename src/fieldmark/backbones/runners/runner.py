"""The interface of all runners: uint8 photos in, named float32 arrays out."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from fieldmark.arrays import Float32s, Pixels
from fieldmark.errors import ModelError

__all__ = ["Runner", "failed_on_a_photo"]


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

    @property
    @abstractmethod
    def description(self) -> str:
        """What computes, for people."""

    def expect(self, photos: int) -> None:  # noqa: B027  # most runners need no preparation
        """Prepare for a pass over so many photos."""

    def run(self, images: Pixels) -> dict[str, Float32s]:
        """Map uint8 (B, S, S, 3) to output names -> (B, ...)."""
        return self.run_inputs({"images": images})

    def run_stack(self, stack: Pixels) -> dict[str, Float32s]:
        """Map uint8 (B, V, S, S, 3) to output names -> (B, V, ...)."""
        found = self.run(np.ascontiguousarray(stack.reshape(-1, *stack.shape[2:])))
        return {name: values.reshape(*stack.shape[:2], *values.shape[1:]) for name, values in found.items()}


def failed_on_a_photo(error: Exception) -> ModelError:
    """Return the error of a graph that fails: the runtime's first line without the names of its own source files."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    reason = re.sub(r"(/|[A-Za-z]:\\)\S+", "…", line)[:160]
    return ModelError(f"the model's graph fails on a photo ({reason}); fit it again")
