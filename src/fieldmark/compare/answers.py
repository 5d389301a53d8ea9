"""What finished models say of the test photos. This is where the test split is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fieldmark.atomic import atomic_file
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import RecordList

__all__ = ["Answers", "answers_of"]

ANSWERS = "test_scores.npz"
"""In the model folder, which is written anew when the run is."""


@dataclass(frozen=True, slots=True)
class Answers:
    """One model on all test photos.

    Attributes:
        probabilities: (n, K); rows of unreadable photos are NaN.
        labels: (n,).
    """

    probabilities: NDArray[np.float32]
    labels: NDArray[np.int64]

    @property
    def hits(self) -> NDArray[np.bool_]:
        """Whether the model is right, (n,). A photo that cannot be read counts as wrong."""
        readable = ~np.isnan(self.probabilities).any(1)
        best = np.nan_to_num(self.probabilities, nan=-1.0).argmax(1)
        return np.asarray((best == self.labels) & readable)


def answers_of(folder: Path, test: RecordList) -> Answers:
    """The model's probabilities, computed once and kept beside it.

    Args:
        folder: A finished run.
        test: The test photos, always in one order.
    """
    labels = np.array(test.labels, dtype=np.int64)
    kept = folder / ANSWERS
    if kept.is_file():
        return Answers(_read(kept), labels)
    probabilities = Predictor(folder).scores(test, f"answers of {folder.name}").probabilities.astype(np.float32)
    with atomic_file(kept) as draft, draft.open("wb") as file:
        np.savez_compressed(file, probabilities=probabilities)
    return Answers(probabilities, labels)


def _read(path: Path) -> NDArray[np.float32]:
    with np.load(path) as content:
        table: Any = content["probabilities"]
    return np.asarray(table, dtype=np.float32)
