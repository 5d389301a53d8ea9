"""The members' logits of val photos, by heads that did not learn from them, for ensembles of models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fieldmark.arrays import Float32s
from fieldmark.errors import ModelError
from fieldmark.tensor_file import read_tensors, tensor_shapes

__all__ = ["VAL_LOGITS_FILE", "ValLogits"]

VAL_LOGITS_FILE = "val_logits.safetensors"


@dataclass(frozen=True, slots=True)
class ValLogits:
    """Logits of the split val.

    Attributes:
        contents: Content key of each photo, (n,).
        logits: (n, K) of each member.
    """

    contents: Sequence[str]
    logits: Sequence[Float32s]

    def save(self, path: Path) -> None:
        """Write a safetensors file."""
        from safetensors.numpy import save_file

        tensors = {str(index): np.ascontiguousarray(values) for index, values in enumerate(self.logits)}
        save_file(tensors, path, {"contents": " ".join(self.contents)})

    @classmethod
    def load(cls, path: Path) -> ValLogits:
        """Read a file that `save` wrote.

        Raises:
            ValueError: The file is damaged.
        """
        from safetensors import safe_open

        names = [str(index) for index in range(len(tensor_shapes(path)))]
        tensors = read_tensors(path, dict.fromkeys(names, "float n K"), {})
        with safe_open(path, "numpy") as held:
            contents = (held.metadata() or {}).get("contents", "").split()
        if any(len(tensors[name]) != len(contents) for name in names):
            raise ValueError("its tensors do not have a row for each photo")
        return cls(contents, [tensors[name] for name in names])

    def of(self, contents: Sequence[str], member: int) -> Float32s:
        """Return a member's logits of the photos with these content keys, (m, K).

        Raises:
            ModelError: A photo or the member is not among them.
        """
        row_of = {key: row for row, key in enumerate(self.contents)}
        missing = sum(key not in row_of for key in contents)
        if missing or member >= len(self.logits):
            raise ModelError(
                f"the model's val logits lack {missing} of {len(contents)} val photos; fit it again on these photos"
            )
        return self.logits[member][[row_of[key] for key in contents]]
