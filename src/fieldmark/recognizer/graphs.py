"""The ONNX graphs of a model: from images to calibrated probabilities, logits and embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from fieldmark.arrays import Floats, Pixels
from fieldmark.artifact.exported import InputFacts
from fieldmark.artifact.linear_heads import LinearHeads
from fieldmark.artifact.manifest import Manifest, MemberFacts
from fieldmark.artifact.open_member import open_member
from fieldmark.backbones.runners.device import Device
from fieldmark.backbones.runners.run_images import find_objects, run_images, tiled_maps
from fieldmark.backbones.runners.runner import Runner
from fieldmark.calibration.logit_scaling import LogitScaling
from fieldmark.calibration.member_fusion import fuse, mean_logits
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.views import draft_side, embedding_views, view_side, whole_views
from fieldmark.data.photos.zoom import Zoom, crop_to, given_box, on_full_photo, zoom_region
from fieldmark.errors import ModelError
from fieldmark.structures import Box

__all__ = ["FusedGraph", "GraphOutputs", "Graphs", "MemberGraphs", "QuestionGraphs"]


@dataclass(frozen=True, slots=True)
class GraphOutputs:
    """Outputs for n photos.

    Attributes:
        probabilities: (n, K), calibrated.
        logits: (n, K), divided by the temperature; the weighted mean of several members.
        embeddings: (n, D) of the first member, the mean over the views of the whole square and of the object.
        boxes: (n, 4) where the object was found by the first member that zooms, or by a person, xyxy in pixels of the
            full photo; NaN where nothing looked for it.
        joined: (n, sum of D), embeddings of all members side by side; None where the model answers one question.
    """

    probabilities: Floats
    logits: Floats
    embeddings: Floats
    boxes: Floats
    joined: Floats | None = None


class Graphs(Protocol):
    """Runs the graphs on upright RGB images. Many threads call it at once."""

    @property
    def draft_side(self) -> int:
        """Side in pixels that photos need at least."""

    @property
    def batch_size(self) -> int:
        """How many photos one call should hold."""

    @property
    def description(self) -> str:
        """What computes, for people."""

    def expect(self, photos: int) -> None:
        """Prepare for a pass over so many photos."""

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
        self._zooms = any(member.zoom for member in self._members)

    @property
    def draft_side(self) -> int:
        return max(draft_side(member.preprocess, member.views, member.zoom) for member in self._members)

    @property
    def batch_size(self) -> int:
        side = max(view_side(member.preprocess, member.views) for member in self._members)
        return min(runner.batch_size(side) for runner in self._runners)

    @property
    def description(self) -> str:
        return "; ".join(dict.fromkeys(runner.description for runner in self._runners))

    def expect(self, photos: int) -> None:
        for runner in self._runners:
            runner.expect(photos)

    def run(self, images: Sequence[Image.Image]) -> GraphOutputs:
        shown = images if self._zooms else _cropped(images)
        found = [
            run_images(runner, shown, member.preprocess, member.views, member.zoom)
            for member, runner in zip(self._members, self._runners, strict=True)
        ]
        logits = [each.outputs["logits"].mean(1) for each in found]
        embeddings = [
            embedding_views(each.outputs["embedding"], member.views).mean(1)
            for member, each in zip(self._members, found if self._joins else found[:1], strict=False)
        ]
        joined = np.concatenate(embeddings, axis=1) if self._joins else None
        boxes = _boxes([each.boxes for each in found if each.boxes is not None], images)
        return fused_outputs(self._members, self._scaling, logits, embeddings[0], boxes, joined)

    def embed(self, images: Sequence[Image.Image]) -> Floats:
        first = self._members[0]
        shown = images if self._zooms else _cropped(images)
        found = run_images(self._runners[0], shown, first.preprocess, whole_views(first.views), first.zoom)
        return _unit(found.outputs["embedding"].mean(1))


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

    @property
    def description(self) -> str:
        return self._shared.description

    def expect(self, photos: int) -> None:
        self._shared.expect(photos)

    def run(self, images: Sequence[Image.Image]) -> GraphOutputs:
        return self.answer(self._shared.run(images))

    def answer(self, shared: GraphOutputs) -> GraphOutputs:
        """Return the outputs for this question from those for the first one, on the same photos."""
        assert shared.joined is not None
        logits = self.heads(shared.joined)
        return fused_outputs(self._members, self._scaling, logits, shared.embeddings, shared.boxes)

    def embed(self, images: Sequence[Image.Image]) -> Floats:
        return self._shared.embed(images)


class FusedGraph:
    """The single graph of a whole recognizer that ``fieldmark export`` writes.

    Args:
        runner: The graph.
        inputs: Its inputs.
    """

    def __init__(self, runner: Runner, inputs: Sequence[InputFacts]) -> None:
        self._runner = runner
        self._inputs = inputs
        self._zooms = any(each.zoom for each in inputs)
        self._finds_at_once = any(each.zoom is not None and not each.zoom.tiles for each in inputs)

    @property
    def draft_side(self) -> int:
        return max(draft_side(each.preprocess, 1, each.zoom) for each in self._inputs)

    @property
    def batch_size(self) -> int:
        return self._runner.batch_size(max(each.preprocess.image_size for each in self._inputs))

    @property
    def description(self) -> str:
        return self._runner.description

    def expect(self, photos: int) -> None:
        self._runner.expect(photos)

    def run(self, images: Sequence[Image.Image]) -> GraphOutputs:
        shown = images if self._zooms else _cropped(images)
        feeds = {each.name: np.stack([each.preprocess(image) for image in shown]) for each in self._inputs}
        by_input: list[Sequence[Box]] = []
        if self._zooms:
            first = self._runner.run_inputs(feeds) if self._finds_at_once else {}
            for each in self._inputs:
                if each.zoom is not None and each.activation is not None:
                    if each.zoom.tiles:
                        maps = tiled_maps(partial(self._activation, each), images, each.preprocess, each.zoom)
                    else:
                        maps = first[each.activation].reshape(len(images), each.flips, -1)
                    boxes = find_objects(maps, images, each.preprocess, each.zoom)
                    feeds[each.name] = _around(boxes, images, each.preprocess, each.zoom)
                    by_input.append(boxes)
        found = self._runner.run_inputs(feeds)
        if not np.isfinite(found["probabilities"]).all():
            raise ModelError("the model's graph returns numbers that are not finite; export it again")
        return GraphOutputs(found["probabilities"], found["logits"], found["embedding"], _boxes(by_input, images))

    def _activation(self, zoomed: InputFacts, squares: Pixels) -> Floats:
        """Return the activation (n, h * w) of squares that take the place of the object."""
        assert zoomed.activation is not None
        feeds = {}
        for each in self._inputs:
            side = each.preprocess.image_size
            feeds[each.name] = squares if each is zoomed else np.zeros((len(squares), side, side, 3), np.uint8)
        return self._runner.run_inputs(feeds)[zoomed.activation]

    def embed(self, images: Sequence[Image.Image]) -> Floats:
        return _unit(self.run(images).embeddings)


def fused_outputs(
    members: Sequence[MemberFacts],
    scaling: LogitScaling | None,
    logits: Sequence[Floats],
    embeddings: Floats,
    boxes: Floats,
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
    return GraphOutputs(probabilities, mean_logits(logits, temperatures, weights), embeddings, boxes, joined)


def _around(boxes: Sequence[Box], images: Sequence[Image.Image], preprocess: Preprocess, zoom: Zoom) -> Pixels:
    """Return what zoomed views of boxes show, (n, S, S, 3)."""
    pairs = zip(boxes, images, strict=True)
    return np.stack([preprocess(image, region=zoom_region(box, image.size, zoom)) for box, image in pairs])


def _cropped(images: Sequence[Image.Image]) -> list[Image.Image]:
    """Return the part of each image that its given box shows: what a model that does not zoom sees of it."""
    return [crop_to(image, given_box(image)) for image in images]


def _boxes(by_member: Sequence[Sequence[Box]], images: Sequence[Image.Image]) -> Floats:
    """Return the first member's box of each image, or the given one, (n, 4) in pixels of the full photo; NaN for none.

    Args:
        by_member: For each member that zooms, the boxes of the images.
        images: The images.
    """
    rows = []
    for index, image in enumerate(images):
        box = by_member[0][index] if by_member else given_box(image)
        rows.append((np.nan,) * 4 if box is None else on_full_photo(box, image))
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
