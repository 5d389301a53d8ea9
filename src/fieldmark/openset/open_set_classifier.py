"""What the head cannot say: whether a photo is one of the newcomers, or none of the classes at all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Floats
from fieldmark.artifact.load import verified_file
from fieldmark.artifact.manifest import Manifest
from fieldmark.errors import ModelError
from fieldmark.openset.enrolled_classes import newcomer_odds, with_newcomers
from fieldmark.openset.open_set_state import Memory
from fieldmark.openset.unknown_scores import Evidence, known_scores

__all__ = ["OpenSetClassifier", "OpenSetResult"]


@dataclass(frozen=True, slots=True)
class OpenSetResult:
    """Answers for n photos.

    Attributes:
        probabilities: (n, K + m), the enrolled classes behind the K of the head.
        known: (n,) how far the score of being known lies above its threshold; NaN where none was fitted.
    """

    probabilities: Floats
    known: Floats


class OpenSetClassifier:
    """Reads the model's memory when it is first needed.

    Args:
        folder: The model folder.
        manifest: Its description.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder = folder
        self._manifest = manifest

    @property
    def labels(self) -> tuple[str, ...]:
        """The enrolled classes."""
        return tuple(facts.label for facts in self._manifest.enrolled)

    @cached_property
    def memory(self) -> Memory:
        """What the model remembers.

        Raises:
            ModelError: It was made by a Fieldmark that remembered nothing, or the file is damaged.
        """
        if self._manifest.memory is None:
            raise ModelError(f"the model {self._folder} remembers no photos: fit it again with this Fieldmark")
        return Memory.load(verified_file(self._folder, self._manifest, self._manifest.memory))

    @cached_property
    def newcomers(self) -> tuple[Floats, list[int]]:
        """Means (m, d) of the enrolled photos, and how many each class has."""
        from safetensors.numpy import load_file

        files = [verified_file(self._folder, self._manifest, facts.file) for facts in self._manifest.enrolled]
        vectors = [load_file(file)["vectors"] for file in files]
        return np.stack([rows.mean(0) for rows in vectors]), [len(rows) for rows in vectors]

    def __call__(self, probabilities: Floats, logits: Floats, embeddings: Floats) -> OpenSetResult:
        """From the head's probabilities and scaled logits (n, K) and the first member's embeddings (n, D)."""
        if self._manifest.memory is None:
            return OpenSetResult(probabilities, np.full(len(probabilities), np.nan))
        vectors = self.memory.projection(embeddings)
        known = self._known(probabilities, logits, vectors)
        if not self._manifest.enrolled:
            return OpenSetResult(probabilities, known)
        means, shots = self.newcomers
        odds = newcomer_odds(vectors, means, shots, self.memory.statistics, self._manifest.gates)
        joined = with_newcomers(probabilities, odds)
        is_newcomer = joined.argmax(1) >= probabilities.shape[1]
        return OpenSetResult(joined, np.where(is_newcomer, np.abs(known), known))

    def _known(self, probabilities: Floats, logits: Floats, vectors: NDArray[np.float32]) -> Floats:
        facts, memory = self._manifest.unknown, self.memory
        if facts is None:
            return np.full(len(probabilities), np.nan)
        photos = Evidence(probabilities, logits, vectors, memory.landmarks, memory.statistics)
        return known_scores(facts.score, photos, facts.scales) - facts.threshold
