"""Export a model folder as one ONNX file with the same answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fieldmark.artifact.exported import EXPORT_FORMAT, PLAIN_EXPORT_FORMAT, ExportFacts, pack_model
from fieldmark.artifact.manifest import Manifest
from fieldmark.atomic import atomic_file, require_place
from fieldmark.backbones.licence_terms import forbids_commercial_use
from fieldmark.errors import SettingError
from fieldmark.export.compared_graph import ComparedGraph, compared_graph, open_folder
from fieldmark.export.fused_model import FusedRecognizer
from fieldmark.export.parity import Parity

__all__ = ["COMPARED_PHOTOS", "ExportReport", "export", "non_commercial_weights"]

COMPARED_PHOTOS = 1000


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
    model: str | Path,
    out: str | Path,
    *,
    int8: bool = False,
    data: str | Path | None = None,
    limit: int = COMPARED_PHOTOS,
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
    recognizer = open_folder(model)
    module = FusedRecognizer(recognizer.folder, recognizer.manifest)
    graph = compared_graph(recognizer, module, int8=int8, data=data, limit=limit)
    content = _with_texts(graph, recognizer.folder, recognizer.manifest, int8)
    with atomic_file(target) as draft:
        draft.write_bytes(content)
    names = tuple(each.name for each in graph.inputs)
    licences = non_commercial_weights(recognizer.manifest)
    return ExportReport(target, len(content), tuple(graph.outputs), names, graph.parity, licences)


def non_commercial_weights(manifest: Manifest) -> dict[str, str]:
    """Return backbone -> licence of its pretrained weights, where that forbids commercial use."""
    licences = {name: each for facts in manifest.members for name, each in facts.weights_licences.items()}
    return {name: each for name, each in licences.items() if forbids_commercial_use(each)}


def _target(out: Path) -> Path:
    if out.suffix.lower() != ".onnx" or out.is_dir():
        raise SettingError(f"expected a file whose name ends in .onnx, but --out is {out}; name it {out.name}.onnx")
    require_place(out)
    return out


def _with_texts(graph: ComparedGraph, folder: Path, manifest: Manifest, int8: bool) -> bytes:
    import onnx
    from onnx.helper import set_model_props

    parity = graph.parity
    facts = ExportFacts(
        format=EXPORT_FORMAT if any(each.zoom for each in graph.inputs) else PLAIN_EXPORT_FORMAT,
        precision="int8" if int8 else "float32",
        inputs=graph.inputs,
        outputs=graph.outputs,
        check={
            "photos": parity.photos,
            "agreement": parity.agreement,
            "largest_difference": parity.difference,
            "top1_before": parity.top1_before,
            "top1_after": parity.top1_after,
        },
    )
    model = onnx.load_model_from_string(graph.content)
    set_model_props(model, pack_model(folder, manifest, facts))
    return bytes(model.SerializeToString())
