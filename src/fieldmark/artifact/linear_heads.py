"""Linear heads of a further question, one for each member, on the embeddings that the members compute anyway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fieldmark.arrays import Float32s, Floats
from fieldmark.tensor_file import read_tensors

__all__ = ["HEADS_FILE", "LinearHeads"]

HEADS_FILE = "heads.safetensors"


@dataclass(frozen=True, slots=True)
class LinearHeads:
    """Embeddings to logits.

    Attributes:
        weights: (K, D) for each member.
        biases: (K,) for each member.
    """

    weights: Sequence[Float32s]
    biases: Sequence[Float32s]

    def __call__(self, embeddings: Floats) -> list[Floats]:
        """Return the logits (n, K) of each member from the embeddings (n, sum of D) of all members; n > 0."""
        ends = np.cumsum([weight.shape[1] for weight in self.weights])
        parts = np.split(embeddings, ends[:-1], axis=1)
        # One photo at a time: the last digits of a product of matrices depend on the number of rows.
        return [
            np.stack([row @ weight.T for row in part]) + bias
            for part, weight, bias in zip(parts, self.weights, self.biases, strict=True)
        ]

    def save(self, path: Path) -> None:
        """Write a safetensors file."""
        from safetensors.numpy import save_file

        tensors = {f"weight_{index}": np.ascontiguousarray(weight) for index, weight in enumerate(self.weights)}
        save_file(tensors | {f"bias_{index}": bias for index, bias in enumerate(self.biases)}, path)

    @classmethod
    def load(cls, path: Path, members: int, num_classes: int) -> LinearHeads:
        """Read a file that `save` wrote.

        Raises:
            ValueError: The file is damaged, or is not for so many members and classes.
        """
        wanted = {f"weight_{index}": f"float K D{index}" for index in range(members)}
        wanted |= {f"bias_{index}": "float K" for index in range(members)}
        held = read_tensors(path, wanted, {"K": num_classes})
        return cls(
            [held[f"weight_{index}"] for index in range(members)], [held[f"bias_{index}"] for index in range(members)]
        )
