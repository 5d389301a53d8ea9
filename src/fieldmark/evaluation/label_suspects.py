"""Photos whose label is probably wrong, by the probabilities of a model that was not trained on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Bools
from fieldmark.evaluation.labelled_predictions import Predictions

__all__ = ["Suspect", "find_suspects", "is_suspect"]

_MAX_RATIO = 0.2


@dataclass(frozen=True, slots=True)
class Suspect:
    """A photo whose label is probably wrong.

    Attributes:
        index: Position of the photo.
        suggested: The label that the model predicts.
        given_probability: Probability of the label it has.
        suggested_probability: Probability of the suggested label.
    """

    index: int
    suggested: int
    given_probability: float
    suggested_probability: float


def is_suspect(predictions: Predictions) -> Bools:
    """Whether each label is suspect, (n,).

    A label is suspect if the model predicts another class, and the label's probability is below 1/K and at most a
    fifth of the predicted class's.
    """
    limit = np.minimum(1 / predictions.probabilities.shape[1], _MAX_RATIO * predictions.confidence)
    return np.asarray((predictions.label_probability < limit) & ~predictions.correct)


def find_suspects(predictions: Predictions) -> list[Suspect]:
    """Suspect labels, the least probable label first."""
    rows = np.flatnonzero(is_suspect(predictions))
    order = rows[np.argsort(predictions.label_probability[rows], kind="stable")]
    own, best = predictions.label_probability, predictions.confidence
    return [Suspect(int(row), int(predictions.predicted[row]), float(own[row]), float(best[row])) for row in order]
