"""The open-set state of a model: projection, class Gaussians, reference vectors and val predictions, in one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fieldmark.arrays import Float32s, Floats, Ints
from fieldmark.openset.class_gaussians import ClassGaussians
from fieldmark.openset.projection import Projection
from fieldmark.tensor_file import read_tensors

__all__ = ["OPEN_SET_FILE", "OpenSetState", "ValPredictions"]

OPEN_SET_FILE = "memory.safetensors"

_TENSORS = {
    "components": "float d D",
    "mean": "float D",
    "class_means": "float K d",
    "within": "float d d",
    "total": "float d d",
    "center": "float d",
    "landmarks": "float m d",
    "val_vectors": "float n d",
    "val_labels": "int n",
    "val_answers": "int n",
    "val_confidence": "float n",
}


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
    def load(cls, path: Path, num_classes: int) -> OpenSetState:
        """Read a file that `save` wrote.

        Raises:
            ValueError: The file is damaged, or is not for so many classes.
        """
        held = read_tensors(path, _TENSORS, {"K": num_classes}, nan="class_means")
        for name in ("val_labels", "val_answers"):
            if len(held[name]) and not 0 <= held[name].min() <= held[name].max() < num_classes:
                raise ValueError(f"its tensor '{name}' names classes that the model does not have")
        if not len(held["components"]) or np.isnan(held["class_means"]).all():
            raise ValueError("it holds no class")
        return cls(
            Projection(held["mean"], held["components"]),
            ClassGaussians(held["class_means"], held["within"], held["total"], held["center"]),
            held["landmarks"].astype(np.float32),
            ValPredictions(
                held["val_vectors"].astype(np.float32), held["val_labels"], held["val_answers"], held["val_confidence"]
            ),
        )
