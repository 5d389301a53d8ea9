"""The single graph of a model, compared with the model folder on photos before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from fieldmark.arrays import evenly
from fieldmark.artifact.exported import InputFacts
from fieldmark.backbones.onnx_export import export_module
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.errors import DataError, ModelError
from fieldmark.evaluation.evaluate import photos_of_split
from fieldmark.export.fused_model import FusedRecognizer, inputs_of
from fieldmark.export.int8 import CALIBRATION_PHOTOS, quantize
from fieldmark.export.parity import Parity, compare
from fieldmark.recognizer.graphs import FusedGraph
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import RecordList

__all__ = ["TOLERANCE", "ComparedGraph", "compared_graph", "open_folder"]

TOLERANCE = 1e-3
"""Largest difference of a logit, relative to the photo's largest, at which a graph still says the same."""


@dataclass(frozen=True, slots=True)
class ComparedGraph:
    """A graph that says what the model folder says; in int8, a graph of which is known how far it differs.

    Attributes:
        content: Of an ONNX file.
        inputs: Its inputs.
        outputs: Names, in the order of the graph's outputs.
        parity: The graph beside the folder, on the same photos.
    """

    content: bytes
    inputs: list[InputFacts]
    outputs: list[str]
    parity: Parity


def open_folder(model: str | Path) -> Predictor:
    """Open a model folder.

    Raises:
        ModelError: It is no model folder, but for example an exported file.
    """
    recognizer = Predictor(model)
    if recognizer.is_exported:
        raise ModelError(f"expected a model folder to export, but {model} is an exported file; name its folder")
    return recognizer


def compared_graph(
    recognizer: Predictor, module: FusedRecognizer, *, int8: bool, data: str | Path | None, limit: int
) -> ComparedGraph:
    """Export a module as one graph, and compare it with the folder.

    Args:
        recognizer: The model folder.
        module: All members, views and the calibration.
        int8: Quantise the backbones. The answers then differ.
        data: Where the val photos are; where the model was made from for None.
        limit: Photos that both are compared on, at most.

    Raises:
        DataError: There are no photos to compare on.
        ModelError: The graph does not say what the model says.
    """
    photos = _photos(recognizer, data, limit)
    inputs = inputs_of(recognizer.manifest)
    graph = export_module(module, {each.name: _example(each) for each in inputs}, module.outputs)
    if int8:
        train = photos_of_split(recognizer, data, "train")
        chosen = [train[index] for index in evenly(len(train), CALIBRATION_PHOTOS)]
        graph = quantize(graph, inputs, chosen, module.heads)
    reader = FusedGraph(OnnxRunner(graph), inputs)
    parity = compare(recognizer.graphs, reader, photos)
    if not int8:
        _demand_equal(recognizer, parity)
    return ComparedGraph(graph, inputs, list(module.outputs), parity)


def _photos(recognizer: Predictor, data: str | Path | None, limit: int) -> RecordList:
    """Val photos, or train photos where the model has no val photos, evenly taken."""
    try:
        photos = photos_of_split(recognizer, data, "val")
    except DataError:
        photos = photos_of_split(recognizer, data, "train")
    return photos.like(photos[index] for index in evenly(len(photos), limit))


def _example(facts: InputFacts) -> torch.Tensor:
    side = facts.preprocess.image_size
    return torch.zeros(2, side, side, 3, dtype=torch.uint8)


def _demand_equal(recognizer: Predictor, parity: Parity) -> None:
    if parity.agreement < 1.0 or parity.difference > TOLERANCE:
        methods = ", ".join(facts.method for facts in recognizer.manifest.members)
        raise ModelError(
            f"the graph of {methods} does not say what the model says: {1 - parity.agreement:.1%} of {parity.photos} "
            f"photos get another class, and logits differ by up to {parity.difference:.1e} of the largest "
            f"({TOLERANCE:g} is allowed); nothing was written, so use the model folder"
        )
