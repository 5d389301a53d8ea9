"""Embeddings of the packaged network: those of PyTorch, from a graph that is exported once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fieldmark.backbones import onnx_export
from fieldmark.backbones.bundled_embeddings import bundled_preprocess, embed
from fieldmark.backbones.factory import create_backbone
from fieldmark.backbones.feature_cache import cache_root
from fieldmark.backbones.onnx_export import Normalize

_FILES = ("tf_efficientnet_lite0.json", "tf_efficientnet_lite0.onnx")


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Three noise photos."""
    draw = np.random.default_rng(0)
    found = [tmp_path / f"{number}.png" for number in range(3)]
    for path in found:
        Image.fromarray(draw.integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(path)
    return found


@pytest.fixture
def graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of graphs in a cache that has nothing else."""
    embed([])  # exports it for this process
    kept = shutil.copytree(cache_root() / "graphs", tmp_path / "cache" / "graphs")
    monkeypatch.setenv("FIELDMARK_CACHE", str(tmp_path / "cache"))
    return Path(kept)


def test_embed_keeps_the_order_and_returns_nan_for_bad_photos(paths: list[Path]) -> None:
    straight = embed(paths)
    assert straight.shape == (3, 1280)
    assert straight.dtype == np.float32
    missing = paths[0].with_name("missing.png")
    mixed = embed([paths[2], missing, paths[0]], trim_bottom=[0, 0, 0])
    np.testing.assert_array_equal(mixed[[0, 2]], straight[[2, 0]])
    assert np.isnan(mixed[1]).all()
    assert embed([]).shape == (0, 1280)


def test_they_are_those_of_the_network_in_pytorch(paths: list[Path]) -> None:
    backbone = create_backbone().eval()
    preprocess = bundled_preprocess()
    assert preprocess == backbone.preprocess()
    images = torch.stack([torch.tensor(preprocess(Image.open(path).convert("RGB"))) for path in paths])
    with torch.no_grad():
        expected = backbone(Normalize(preprocess)(images)).mean((2, 3)).numpy()
    np.testing.assert_allclose(embed(paths), expected, atol=2e-3)  # the cache has half precision


def test_the_graph_is_exported_once(graphs: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    assert {path.name for path in graphs.iterdir()} == set(_FILES)

    def export(*_: object) -> bytes:
        raise AssertionError("it was exported again")

    monkeypatch.setattr(onnx_export, "export_graph", export)
    assert embed(paths).shape == (3, 1280)


@pytest.mark.parametrize("damage", ["other versions", "no facts", "facts of another kind", "half a graph", "no graph"])
def test_a_graph_that_cannot_be_used_is_exported_again(
    graphs: Path, paths: list[Path], damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts, graph = graphs / _FILES[0], graphs / _FILES[1]
    known, content, exported = json.loads(facts.read_text()), graph.read_bytes(), []
    if damage == "other versions":
        facts.write_text(json.dumps(known | {"made_by": "fieldmark 0.0"}))
    elif damage == "no facts":
        facts.unlink()
    elif damage == "facts of another kind":
        facts.write_text("[]")
    elif damage == "half a graph":
        graph.write_bytes(content[:1000])
    else:
        graph.unlink()

    def export(*_: object) -> bytes:
        exported.append(damage)
        return content

    monkeypatch.setattr(onnx_export, "export_graph", export)
    assert np.isfinite(embed(paths[:1])).all()
    assert exported == [damage]
    assert json.loads(facts.read_text()) == known
    assert graph.read_bytes() == content


@pytest.mark.usefixtures("graphs")
def test_a_kept_graph_needs_no_pytorch(paths: list[Path]) -> None:
    first = embed(paths[:2])
    code = """
import sys
from pathlib import Path
from fieldmark.backbones.bundled_embeddings import embed
print(float(embed([Path(sys.argv[1])]).sum()), *(name for name in ("torch", "timm", "onnx") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code, str(paths[2])], capture_output=True, text=True, check=True)
    assert first.shape == (2, 1280)
    assert [float(word) for word in done.stdout.split()] == [pytest.approx(float(embed(paths[2:]).sum()))]
