"""The ONNX graphs of a model: from images to calibrated probabilities, logits and embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from fieldmark.arrays import Floats
from fieldmark.artifact.linear_heads import LinearHeads
from fieldmark.artifact.manifest import Manifest, MemberFacts
from fieldmark.artifact.open_member import open_member
from fieldmark.backbones.runners.device import Device
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.calibration.logit_scaling import LogitScaling
from fieldmark.calibration.member_fusion import fuse, mean_logits
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.views import photo_views, view_side, whole_views
from fieldmark.errors import ModelError

__all__ = ["FusedGraph", "GraphOutputs", "Graphs", "MemberGraphs", "QuestionGraphs"]


@dataclass(frozen=True, slots=True)
class GraphOutputs:
    """Outputs for n photos.

    Attributes:
        probabilities: (n, K), calibrated.
        logits: (n, K), divided by the temperature; the weighted mean of several members.
        embeddings: (n, D) of the first member, the mean over the views of the whole photo.
        joined: (n, sum of D), those of all members side by side; None where the model answers one question.
    """

    probabilities: Floats
    logits: Floats
    embeddings: Floats
    joined: Floats | None = None


class Graphs(Protocol):
    """Runs the graphs on upright RGB images. Many threads call it at once."""

    @property
    def draft_side(self) -> int:
        """Side in pixels that photos need at least."""

    @property
    def batch_size(self) -> int:
        """How many photos one call should hold."""

    def run(self, images: Sequence[Image.Image]) -> GraphOutputs:
        """Return all outputs."""

    def embed(self, images: Sequence[Image.Image]) -> Floats:
        """Return only the embeddings (n, D), at unit length; this can be faster than `run`."""


class MemberGraphs:
    """The graphs of a model folder, one for each member.

    Args:
        folder: The model folder.
        manifest: Its description.
        device: Where they compute; see `choose_device`.
        width: Length of the first member's embedding; None for any.

    Raises:
        ModelError: A graph is missing, has changed, or is not what the manifest says.
        SettingError: The device is not there.
    """

    def __init__(self, folder: Path, manifest: Manifest, device: Device = "auto", *, width: int | None = None) -> None:
        self._members = manifest.members
        self._runners = [
            open_member(folder, manifest, member, device, width=None if index else width)
            for index, member in enumerate(manifest.members)
        ]
        self._scaling = manifest.scaling
        self._joins = bool(manifest.questions)

    @property
    def draft_side(self) -> int:
        return max(view_side(member.preprocess, member.views) for member in self._members)

    @property
    def batch_size(self) -> int:
        return min(runner.batch_size(self.draft_side) for runner in self._runners)

    def run(self, images: Sequence[Image.Image]) -> GraphOutputs:
        outputs = []
        for member, runner in zip(self._members, self._runners, strict=True):
            stack = np.stack([photo_views(image, member.preprocess, member.views) for image in images])
            outputs.append(runner.run_stack(stack))
        logits = [output["logits"].mean(1) for output in outputs]
        used = outputs if self._joins else outputs[:1]
        embeddings = [
            output["embedding"][:, : whole_views(member.views)].mean(1)
            for member, output in zip(self._members, used, strict=False)
        ]
        joined = np.concatenate(embeddings, axis=1) if self._joins else None
        return fused_outputs(self._members, self._scaling, logits, embeddings[0], joined)

    def embed(self, images: Sequence[Image.Image]) -> Floats:
        first = self._members[0]
        arrays = np.stack([first.preprocess(image) for image in images])
        return _unit(self._runners[0].run_views(arrays, first.views)["embedding"].mean(1))


class QuestionGraphs:
    """The graphs of a model with the heads of a further question.

    Args:
        shared: The graphs of the model.
        heads: The heads of the question.
        manifest: Description of the question; see `Manifest.asking`.
    """

    def __init__(self, shared: Graphs, heads: LinearHeads, manifest: Manifest) -> None:
        self._shared = shared
        self.heads = heads
        self._members, self._scaling = manifest.members, manifest.scaling

    @property
    def draft_side(self) -> int:
        return self._shared.draft_side

    @property
    def batch_size(self) -> int:
        return self._shared.batch_size

    def run(self, images: Sequence[Image.Image]) -> GraphOutputs:
        return self.answer(self._shared.run(images))

    def answer(self, shared: GraphOutputs) -> GraphOutputs:
        """Return the outputs for this question from those for the first one, on the same photos."""
        assert shared.joined is not None
        return fused_outputs(self._members, self._scaling, self.heads(shared.joined), shared.embeddings)

    def embed(self, images: Sequence[Image.Image]) -> Floats:
        return self._shared.embed(images)


class FusedGraph:
    """The single graph of a whole recognizer that ``fieldmark export`` writes.

    Args:
        runner: The graph.
        squares: Input name -> preprocessing of that input.
    """

    def __init__(self, runner: OnnxRunner, squares: dict[str, Preprocess]) -> None:
        self._runner = runner
        self._squares = squares

    @property
    def draft_side(self) -> int:
        return max(square.image_size for square in self._squares.values())

    @property
    def batch_size(self) -> int:
        return self._runner.batch_size(self.draft_side)

    def run(self, images: Sequence[Image.Image]) -> GraphOutputs:
        feeds = {name: np.stack([square(image) for image in images]) for name, square in self._squares.items()}
        found = self._runner.run_inputs(feeds)
        if not np.isfinite(found["probabilities"]).all():
            raise ModelError("the model's graph returns numbers that are not finite; export it again")
        return GraphOutputs(found["probabilities"], found["logits"], found["embedding"])

    def embed(self, images: Sequence[Image.Image]) -> Floats:
        return _unit(self.run(images).embeddings)


def fused_outputs(
    members: Sequence[MemberFacts],
    scaling: LogitScaling | None,
    logits: Sequence[Floats],
    embeddings: Floats,
    joined: Floats | None = None,
) -> GraphOutputs:
    """Return the calibrated outputs from the logits (n, K) of each member.

    Raises:
        ModelError: A number is not finite.
    """
    temperatures = [member.temperature for member in members]
    weights = [member.weight for member in members]
    probabilities = fuse(logits, temperatures, weights)
    if scaling is not None:
        probabilities = scaling(np.log(np.maximum(probabilities, 1e-30)))
    if not np.isfinite(probabilities).all():
        raise ModelError("the model's graph returns numbers that are not finite; fit it again")
    return GraphOutputs(probabilities, mean_logits(logits, temperatures, weights), embeddings, joined)


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
