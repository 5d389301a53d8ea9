"""Open-set decision: one of the trained classes, an enrolled class, or unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Bools, Float32s, Floats
from fieldmark.errors import ModelError
from fieldmark.openset.enrolled_classes import EnrolmentGate, enrolled_odds, with_enrolled
from fieldmark.openset.open_set_state import OpenSetState
from fieldmark.openset.unknown_scores import OpenSetFeatures, UnknownThreshold, known_scores

__all__ = ["OpenSetClassifier", "OpenSetOutputs"]

_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class OpenSetOutputs:
    """Results for n photos.

    Attributes:
        probabilities: (n, K + m); the m enrolled classes follow the K classes of the head.
        known_scores: (n,), higher for photos of trained classes; None without a threshold.
        unknown: (n,) whether a photo shows none of the classes: its score is below the threshold, and no enrolled
            class is the most probable one. None without a threshold.
    """

    probabilities: Floats
    known_scores: Floats | None
    unknown: Bools | None


class OpenSetClassifier:
    """Adds enrolled classes to the head's probabilities, and detects photos of none of the classes.

    Args:
        state: None for models of old versions; then answers are those of the head.
        threshold: None for models without val photos.
        gates: How enrolled classes compete; at least one where classes are enrolled.
        enrolled: Name -> vectors (n, d) of the photos of each enrolled class.
    """

    def __init__(
        self,
        state: OpenSetState | None,
        threshold: UnknownThreshold | None,
        gates: Sequence[EnrolmentGate],
        enrolled: dict[str, Float32s],
    ) -> None:
        self._state = state
        self._threshold = threshold
        self._gates = gates
        self._enrolled = enrolled

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the enrolled classes."""
        return tuple(self._enrolled)

    @property
    def state(self) -> OpenSetState:
        """The open-set state.

        Raises:
            ModelError: The model has none.
        """
        if self._state is None:
            raise ModelError("the model has no open-set data: fit it again with this version of Fieldmark")
        return self._state

    @property
    def width(self) -> int | None:
        """D, the dimension of the embeddings that it reads; None if it reads none."""
        return None if self._state is None else self._state.projection.width

    @cached_property
    def enrolled_means(self) -> tuple[Floats, list[int]]:
        """Mean vectors (m, d) of the enrolled classes, and how many photos each one has."""
        vectors = self._enrolled.values()
        return np.stack([rows.mean(0) for rows in vectors]), [len(rows) for rows in vectors]

    def features(self, probabilities: Floats, logits: Floats, embeddings: Floats) -> OpenSetFeatures:
        """Return what open-set scores are computed from; see `__call__` for the arguments.

        Raises:
            ModelError: The model has no open-set state.
        """
        state = self.state
        vectors = state.projection(embeddings)
        return OpenSetFeatures(probabilities, logits, vectors, state.reference_vectors, state.gaussians)

    def __call__(self, probabilities: Floats, logits: Floats, embeddings: Floats) -> OpenSetOutputs:
        """Classify n photos, one by one.

        The last digits of a product of matrices depend on the number of rows, and a photo at the threshold must not
        change sides with the photos beside it.

        Args:
            probabilities: (n, K) of the head, calibrated.
            logits: (n, K), divided by the temperature.
            embeddings: (n, D) of the first member.
        """
        if self._state is None:
            return OpenSetOutputs(probabilities, None, None)
        if not len(probabilities):
            return self._together(probabilities, logits, embeddings)
        rows = [slice(index, index + 1) for index in range(len(probabilities))]
        each = [self._together(probabilities[row], logits[row], embeddings[row]) for row in rows]
        return OpenSetOutputs(
            np.concatenate([one.probabilities for one in each]),
            _joined([one.known_scores for one in each]),
            _joined([one.unknown for one in each]),
        )

    def _together(self, probabilities: Floats, logits: Floats, embeddings: Floats) -> OpenSetOutputs:
        photos, scores, unknown = self.features(probabilities, logits, embeddings), None, None
        if self._threshold is not None:
            scores = known_scores(self._threshold.score, photos, self._threshold.scales)
            unknown = scores < self._threshold.threshold
        if not self._enrolled:
            return OpenSetOutputs(probabilities, scores, unknown)
        means, shots = self.enrolled_means
        joined = with_enrolled(
            probabilities, enrolled_odds(photos.vectors, means, shots, photos.gaussians, self._gates)
        )
        if unknown is not None:
            unknown &= joined.argmax(1) < probabilities.shape[1]
        return OpenSetOutputs(joined, scores, unknown)


def _joined(parts: Sequence[NDArray[_T] | None]) -> NDArray[_T] | None:
    held = [part for part in parts if part is not None]
    return np.concatenate(held) if held else None
