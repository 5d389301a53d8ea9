"""What the open-set scores of many photos are computed from, for enrolment and for evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fieldmark.openset.open_set_classifier import OpenSetOutputs
from fieldmark.openset.unknown_scores import OpenSetFeatures
from fieldmark.recognizer.graphs import GraphOutputs
from fieldmark.recognizer.inputs import PhotoInput
from fieldmark.recognizer.predictor import Predictor
from fieldmark.recognizer.run_photos import run_all

__all__ = ["open_set_features"]


def open_set_features(
    predictor: Predictor, photos: Sequence[PhotoInput], description: str = "recognizing"
) -> tuple[OpenSetFeatures, OpenSetOutputs, dict[int, str]]:
    """Return what the open-set scores are computed from, the decisions, and why photos cannot be read.

    The rows are those of the readable photos, in their order.

    Raises:
        ModelError: The model has no open-set state.
    """
    open_set = predictor.open_set
    count, width = len(predictor.manifest.classes), open_set.state.projection.width
    found = run_all(photos, predictor.graphs.run, predictor.graphs, description)
    none = GraphOutputs(np.zeros((0, count)), np.zeros((0, count)), np.zeros((0, width)), np.zeros((0, 4)))
    outputs = found.outputs or none
    arrays = outputs.probabilities, outputs.logits, outputs.embeddings
    return open_set.features(*arrays), open_set(*arrays), found.errors
