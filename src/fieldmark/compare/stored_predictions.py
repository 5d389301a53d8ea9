"""Predictions of finished models on the test photos. Only this module opens the test split of a comparison."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fieldmark.arrays import Floats
from fieldmark.atomic import atomic_file
from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import RecordList

__all__ = ["predictions_on_test"]

_FILE = "test_scores.npz"
"""In the model folder, so that a new run replaces it."""


def predictions_on_test(folder: Path, test: RecordList) -> Predictions:
    """Return a model's predictions on the test photos. They are computed once and stored in the model folder.

    Args:
        folder: Model folder of a finished run.
        test: The test photos, always in the same order.
    """
    labels = np.array(test.labels, dtype=np.int64)
    stored = folder / _FILE
    if stored.is_file():
        return Predictions(_load(stored), labels)
    scores = Predictor(folder).scores(test, f"predicting with {folder.name}")
    probabilities = scores.probabilities.astype(np.float32)
    with atomic_file(stored) as draft, draft.open("wb") as file:
        np.savez_compressed(file, probabilities=probabilities)
    return Predictions(_load(stored), labels)


def _load(path: Path) -> Floats:
    with np.load(path) as content:
        return np.asarray(content["probabilities"], dtype=np.float32)
