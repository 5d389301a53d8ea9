"""Export a model folder as a static folder that answers in the browser."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fieldmark.atomic import atomic_folder, require_place
from fieldmark.errors import ModelError, SettingError
from fieldmark.export.browser_constants import browser_constants, browser_tensors, demand_scores
from fieldmark.export.browser_folder import BrowserParts, write_folder
from fieldmark.export.browser_graph import BrowserRecognizer
from fieldmark.export.browser_runtime import find_runtime
from fieldmark.export.compared_graph import compared_graph, open_folder
from fieldmark.export.export_onnx import COMPARED_PHOTOS, non_commercial_weights
from fieldmark.export.known_photos import known_photos
from fieldmark.export.parity import Parity

__all__ = ["KNOWN_PHOTOS", "WebExportReport", "export_web"]

KNOWN_PHOTOS = 1000
_OWN = "service-worker.js"


@dataclass(frozen=True, slots=True)
class WebExportReport:
    """What was written.

    Attributes:
        path: The folder.
        size: Bytes of all files, which a browser downloads once.
        parity: The graph beside the model folder, on the same photos.
        explains: Whether the page draws evidence.
        known: Known photos in the folder.
        known_total: Known photos of the model.
        non_commercial: Backbone -> licence of its pretrained weights, where that forbids commercial use.
    """

    path: Path
    size: int
    parity: Parity
    explains: bool
    known: int
    known_total: int
    non_commercial: dict[str, str] = field(default_factory=dict)


def export_web(
    model: str | Path,
    out: str | Path,
    *,
    ort_web: str | Path | None = None,
    known: int = KNOWN_PHOTOS,
    int8: bool = False,
    data: str | Path | None = None,
    limit: int = COMPARED_PHOTOS,
) -> WebExportReport:
    """Write a folder of static files with a page that answers in the browser, also without a network.

    Args:
        model: The model folder.
        out: The folder to write: a new or empty one, or an earlier export, which is replaced.
        ort_web: Folder of the npm package onnxruntime-web; it is fetched with npm for None.
        known: Known photos to put in, at most about; 0 for none.
        int8: Quantise the backbones. The answers then differ; the report says by how much.
        data: Where the photos are; where the model was made from for None.
        limit: Val photos that model and graph are compared on, at most.

    Raises:
        SettingError: `out` holds other files, `known` is negative, or onnxruntime-web is not there.
        DataError: There are no photos to compare on.
        ModelError: `model` is no model folder, it zooms, a score of it cannot run in a browser, or the graph does not
            say what the model says; nothing is written.
    """
    target = _target(Path(out))
    if known < 0:
        raise SettingError(f"the number of known photos must be at least 0, but is {known}")
    recognizer = open_folder(model)
    if any(facts.zoom for facts in recognizer.manifest.members):
        raise ModelError(
            "the model zooms in on the object, which a page in the browser cannot do: fit it without zoom, or "
            "serve it with 'fieldmark serve'"
        )
    demand_scores(recognizer)
    runtime = find_runtime(None if ort_web is None else Path(ort_web))
    module = BrowserRecognizer(recognizer.folder, recognizer.manifest)
    graph = compared_graph(recognizer, module, int8=int8, data=data, limit=limit)
    photos = known_photos(recognizer, known, None if data is None else Path(data))
    parts = BrowserParts(
        name=recognizer.path.resolve().name,
        graph=graph.content,
        constants=browser_constants(recognizer, graph.inputs, module.evidence_outputs, photos),
        tensors=browser_tensors(recognizer, photos),
        pictures=photos.pictures if photos else b"",
        runtime=runtime,
    )
    with atomic_folder(target) as draft:
        write_folder(draft, parts)
    return WebExportReport(
        path=target,
        size=sum(path.stat().st_size for path in target.rglob("*") if path.is_file()),
        parity=graph.parity,
        explains=bool(module.evidence_outputs),
        known=len(photos.rows) if photos else 0,
        known_total=photos.total if photos else 0,
        non_commercial=non_commercial_weights(recognizer.manifest),
    )


def _target(out: Path) -> Path:
    require_place(out)
    if out.is_file():
        raise SettingError(f"--web {out} is a file: name a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / _OWN).is_file():
        raise SettingError(f"--web {out} holds other files, which would be lost: name a new or empty folder")
    return out
