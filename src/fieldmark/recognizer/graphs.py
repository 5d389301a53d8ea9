"""What a model's graphs say of images, before anything is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from fieldmark.arrays import Floats
from fieldmark.artifact.load import verified_file
from fieldmark.artifact.manifest import Manifest
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.calibration.member_fusion import fuse, mean_logits
from fieldmark.calibration.vector_scaling import Scaling
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.views import photo_views, view_side, whole_views

__all__ = ["FusedGraph", "MemberGraphs", "Reader", "Reading"]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the head says of n photos.

    Attributes:
        probabilities: (n, K), calibrated.
        logits: (n, K), divided by the temperature; the weighted mean of several members.
        embeddings: (n, D) of the first member, the mean over the views of the whole photo.
    """

    probabilities: Floats
    logits: Floats
    embeddings: Floats

    def joined(self) -> Floats:
        """All three side by side, (n, 2 K + D)."""
        return np.concatenate([self.probabilities, self.logits, self.embeddings], 1)

    @classmethod
    def parted(cls, rows: Floats, num_classes: int) -> Reading:
        """The inverse of `joined`."""
        count = num_classes
        return cls(rows[:, :count], rows[:, count : 2 * count], rows[:, 2 * count :])


class Reader(Protocol):
    """Upright RGB images to what the graphs say of them; called from many threads at once."""

    @property
    def draft_side(self) -> int:
        """Side in pixels that photos need at least."""

    def read(self, images: Sequence[Image.Image]) -> Reading:
        """Everything that an answer is made of."""

    def embed(self, images: Sequence[Image.Image]) -> Floats:
        """Embeddings (n, D) at unit length alone, where that costs less than `read`."""


@dataclass(frozen=True, slots=True)
class _Member:
    onnx: OnnxRunner
    preprocess: Preprocess
    views: int
    temperature: float
    weight: float


class MemberGraphs:
    """The graphs of a model folder, one for each member.

    Args:
        folder: The model folder.
        manifest: Its description.

    Raises:
        ModelError: A graph is missing or has changed.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._members = [
            _Member(
                OnnxRunner(verified_file(folder, manifest, facts.graph)),
                facts.preprocess,
                facts.views,
                facts.temperature,
                facts.weight,
            )
            for facts in manifest.members
        ]
        facts = manifest.scaling
        self._scaling = facts and Scaling(facts.kind, np.array(facts.scale), np.array(facts.shift))

    @property
    def draft_side(self) -> int:
        return max(view_side(member.preprocess, member.views) for member in self._members)

    def read(self, images: Sequence[Image.Image]) -> Reading:
        outputs = []
        for member in self._members:
            stack = np.stack([photo_views(image, member.preprocess, member.views) for image in images])
            outputs.append(member.onnx.run_stack(stack))
        logits = [output["logits"].mean(1) for output in outputs]
        temperatures = [member.temperature for member in self._members]
        weights = [member.weight for member in self._members]
        probabilities = fuse(logits, temperatures, weights)
        if self._scaling:
            probabilities = self._scaling(np.log(np.maximum(probabilities, 1e-30)))
        whole = whole_views(self._members[0].views)
        embeddings = outputs[0]["embedding"][:, :whole].mean(1)
        return Reading(probabilities, mean_logits(logits, temperatures, weights), embeddings)

    def embed(self, images: Sequence[Image.Image]) -> Floats:
        first = self._members[0]
        arrays = np.stack([first.preprocess(image) for image in images])
        return _unit(first.onnx.run_views(arrays, first.views)["embedding"].mean(1))


class FusedGraph:
    """One graph of a whole recognizer, as ``fieldmark export`` writes it.

    Args:
        runner: The graph.
        squares: Input's name -> how a photo becomes it.
    """

    def __init__(self, runner: OnnxRunner, squares: dict[str, Preprocess]) -> None:
        self._runner = runner
        self._squares = squares

    @property
    def draft_side(self) -> int:
        return max(square.image_size for square in self._squares.values())

    def read(self, images: Sequence[Image.Image]) -> Reading:
        feeds = {name: np.stack([square(image) for image in images]) for name, square in self._squares.items()}
        found = self._runner.run_inputs(feeds)
        return Reading(found["probabilities"], found["logits"], found["embedding"])

    def embed(self, images: Sequence[Image.Image]) -> Floats:
        return _unit(self.read(images).embeddings)


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
