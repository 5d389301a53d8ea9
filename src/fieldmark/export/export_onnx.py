"""Export a model folder as one ONNX file with the same answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from fieldmark.arrays import evenly
from fieldmark.artifact.exported import ExportFacts, InputFacts, pack_model
from fieldmark.artifact.manifest import Manifest
from fieldmark.atomic import atomic_file, require_place
from fieldmark.backbones.licence_terms import forbids_commercial_use
from fieldmark.backbones.onnx_export import export_module
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.errors import DataError, ModelError, SettingError
from fieldmark.evaluation.evaluate import photos_of_split
from fieldmark.export.fused_model import FusedRecognizer, Square, squares_of
from fieldmark.export.int8 import CALIBRATION_PHOTOS, quantize
from fieldmark.export.parity import Parity, compare
from fieldmark.recognizer.graphs import FusedGraph
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import RecordList

__all__ = ["TOLERANCE", "ExportReport", "export"]

TOLERANCE = 1e-3
"""Largest difference of a logit, relative to the photo's largest, at which a file still says the same."""

_PHOTOS = 1000


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written.

    Attributes:
        path: The file.
        size: Bytes.
        outputs: Of the graph.
        inputs: Names of the graph's inputs.
        parity: The file beside the folder, on the same photos.
        non_commercial: Backbone -> licence of its pretrained weights, where that forbids commercial use.
    """

    path: Path
    size: int
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    parity: Parity
    non_commercial: dict[str, str] = field(default_factory=dict)


def export(
    model: str | Path, out: str | Path, *, int8: bool = False, data: str | Path | None = None, limit: int = _PHOTOS
) -> ExportReport:
    """Write one ONNX file with every member, view and calibration of a model inside one graph.

    Args:
        model: The model folder.
        out: The file; its name ends in ``.onnx``.
        int8: Quantise the backbones. The answers then differ; the report says by how much.
        data: Where the val photos are; where the model was made from for None.
        limit: Photos that model and file are compared on, at most.

    Raises:
        SettingError: `out` is no place for an ONNX file.
        DataError: There are no photos to compare on.
        ModelError: `model` is no model folder, or the graph does not say what the model says; nothing is written.
    """
    target = _target(Path(out))
    recognizer = Predictor(model)
    if recognizer.is_exported:
        raise ModelError(f"expected a model folder to export, but {model} is an exported file; name its folder")
    photos = _photos(recognizer, data, limit)
    squares = squares_of(recognizer.manifest)
    module = FusedRecognizer(recognizer.folder, recognizer.manifest)
    graph = export_module(module, {square.name: _example(square) for square in squares}, module.outputs)
    if int8:
        train = photos_of_split(recognizer, data, "train")
        chosen = [train[index] for index in evenly(len(train), CALIBRATION_PHOTOS)]
        graph = quantize(graph, squares, chosen, module.heads)
    reader = FusedGraph(OnnxRunner(graph), {square.name: square.preprocess for square in squares})
    parity = compare(recognizer.graphs, reader, photos)
    if not int8:
        _demand_equal(recognizer, parity)
    facts = _facts(squares, module.outputs, int8, parity)
    content = _with_texts(graph, recognizer.folder, recognizer.manifest, facts)
    with atomic_file(target) as draft:
        draft.write_bytes(content)
    names = tuple(square.name for square in squares)
    licences = {name: each for facts in recognizer.manifest.members for name, each in facts.weights_licences.items()}
    non_commercial = {name: each for name, each in licences.items() if forbids_commercial_use(each)}
    return ExportReport(target, len(content), tuple(module.outputs), names, parity, non_commercial)


def _target(out: Path) -> Path:
    if out.suffix.lower() != ".onnx" or out.is_dir():
        raise SettingError(f"expected a file whose name ends in .onnx, but --out is {out}; name it {out.name}.onnx")
    require_place(out)
    return out


def _photos(recognizer: Predictor, data: str | Path | None, limit: int) -> RecordList:
    """Val photos, or train photos where the model has no val photos, evenly taken."""
    try:
        photos = photos_of_split(recognizer, data, "val")
    except DataError:
        photos = photos_of_split(recognizer, data, "train")
    return photos.like(photos[index] for index in evenly(len(photos), limit))


def _example(square: Square) -> torch.Tensor:
    side = square.preprocess.image_size
    return torch.zeros(2, side, side, 3, dtype=torch.uint8)


def _demand_equal(recognizer: Predictor, parity: Parity) -> None:
    if parity.agreement < 1.0 or parity.difference > TOLERANCE:
        methods = ", ".join(facts.method for facts in recognizer.manifest.members)
        raise ModelError(
            f"the graph of {methods} does not say what the model says: {1 - parity.agreement:.1%} of {parity.photos} "
            f"photos get another class, and logits differ by up to {parity.difference:.1e} of the largest "
            f"({TOLERANCE:g} is allowed); nothing was written, so use the model folder"
        )


def _facts(squares: list[Square], outputs: list[str], int8: bool, parity: Parity) -> ExportFacts:
    return ExportFacts(
        precision="int8" if int8 else "float32",
        inputs=[InputFacts(name=square.name, preprocess=square.preprocess) for square in squares],
        outputs=outputs,
        check={
            "photos": parity.photos,
            "agreement": parity.agreement,
            "largest_difference": parity.difference,
            "top1_before": parity.top1_before,
            "top1_after": parity.top1_after,
        },
    )


def _with_texts(graph: bytes, folder: Path, manifest: Manifest, facts: ExportFacts) -> bytes:
    import onnx
    from onnx.helper import set_model_props

    model = onnx.load_model_from_string(graph)
    set_model_props(model, pack_model(folder, manifest, facts))
    return bytes(model.SerializeToString())
