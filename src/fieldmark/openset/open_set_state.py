"""The open-set state of a model: projection, class Gaussians, reference vectors and val predictions, in one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fieldmark.arrays import Float32s, Floats, Ints
from fieldmark.openset.class_gaussians import ClassGaussians
from fieldmark.openset.projection import Projection

__all__ = ["OPEN_SET_FILE", "OpenSetState", "ValPredictions"]

OPEN_SET_FILE = "memory.safetensors"


@dataclass(frozen=True, slots=True)
class ValPredictions:
    """Predictions on val photos before any class was enrolled.

    Attributes:
        vectors: (n, d).
        labels: (n,) correct classes.
        answers: (n,) most probable classes.
        confidence: (n,) their probabilities.
    """

    vectors: Float32s
    labels: Ints
    answers: Ints
    confidence: Floats


@dataclass(frozen=True, slots=True)
class OpenSetState:
    """What open-set scores, enrolment and the gallery need besides the head.

    Attributes:
        projection: Maps embeddings of the first member to unit vectors.
        gaussians: Of the training photos' vectors.
        reference_vectors: (m, d) vectors of training photos, for the distance to the nearest one.
        val: At most a few thousand val photos.
    """

    projection: Projection
    gaussians: ClassGaussians
    reference_vectors: Float32s
    val: ValPredictions

    def save(self, path: Path) -> None:
        """Write a safetensors file."""
        from safetensors.numpy import save_file

        tensors = {
            "mean": self.projection.mean,
            "components": self.projection.components,
            "class_means": self.gaussians.means,
            "within": self.gaussians.within,
            "total": self.gaussians.total,
            "center": self.gaussians.center,
            "landmarks": self.reference_vectors.astype(np.float16),
            "val_vectors": self.val.vectors.astype(np.float16),
            "val_labels": self.val.labels,
            "val_answers": self.val.answers,
            "val_confidence": self.val.confidence.astype(np.float64),
        }
        save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, path)

    @classmethod
    def load(cls, path: Path) -> OpenSetState:
        """Read a file that `save` wrote."""
        from safetensors.numpy import load_file

        held = load_file(path)
        return cls(
            Projection(held["mean"], held["components"]),
            ClassGaussians(held["class_means"], held["within"], held["total"], held["center"]),
            held["landmarks"].astype(np.float32),
            ValPredictions(
                held["val_vectors"].astype(np.float32), held["val_labels"], held["val_answers"], held["val_confidence"]
            ),
        )
