"""What a model remembers of its photos besides the head, in one file of the model folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fieldmark.openset.class_gaussians import ClassGaussians
from fieldmark.openset.enrolled_classes import ValAnswers
from fieldmark.openset.projection import Projection

__all__ = ["MEMORY_FILE", "Memory"]

MEMORY_FILE = "memory.safetensors"


@dataclass(frozen=True, slots=True)
class Memory:
    """How photos become vectors, where the classes lie among them, and how the val photos were answered.

    Attributes:
        projection: Embeddings of the first member to unit vectors.
        statistics: Of the training photos' vectors.
        landmarks: (m, d) vectors of training photos, for the distance to the nearest.
        val: At most a few thousand val photos.
    """

    projection: Projection
    statistics: ClassGaussians
    landmarks: NDArray[np.float32]
    val: ValAnswers

    def save(self, path: Path) -> None:
        from safetensors.numpy import save_file

        tensors = {
            "mean": self.projection.mean,
            "components": self.projection.components,
            "class_means": self.statistics.means,
            "within": self.statistics.within,
            "total": self.statistics.total,
            "center": self.statistics.center,
            "landmarks": self.landmarks.astype(np.float16),
            "val_vectors": self.val.vectors.astype(np.float16),
            "val_labels": self.val.labels,
            "val_answers": self.val.answers,
            "val_confidence": self.val.confidence.astype(np.float64),
        }
        save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, path)

    @classmethod
    def load(cls, path: Path) -> Memory:
        from safetensors.numpy import load_file

        held = load_file(path)
        return cls(
            Projection(held["mean"], held["components"]),
            ClassGaussians(held["class_means"], held["within"], held["total"], held["center"]),
            held["landmarks"].astype(np.float32),
            ValAnswers(
                held["val_vectors"].astype(np.float32), held["val_labels"], held["val_answers"], held["val_confidence"]
            ),
        )
