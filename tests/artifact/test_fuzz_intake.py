"""Fuzz what opens a model: whatever the bytes are, the reader returns or gives its own error."""

from __future__ import annotations

import json
import os
import struct
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import load_model_from_string
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save

from fieldmark.artifact.check_graph import check_graph, read_graph
from fieldmark.artifact.load import _split_rows, read_manifest
from fieldmark.artifact.manifest import Manifest
from fieldmark.strict_json import StrictJsonError, parse_json
from fieldmark.tensor_file import read_tensors, tensor_shapes

FUZZ = int(os.environ.get("FIELDMARK_FUZZ", "0"))
pytestmark = pytest.mark.fuzz
BASE = Path(__file__).parent / "model_0_1" / "model"
MANIFEST = (BASE / "fieldmark.json").read_bytes()
GRAPH = (BASE / "model-0.onnx").read_bytes()
TABLE = (BASE / "split.csv").read_bytes()
TENSORS = save({"mean": np.arange(3, dtype=np.float32), "labels": np.arange(2)})

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([10**30, -1, 0, "", "../x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
places = st.lists(st.integers(0, 10**6), min_size=1, max_size=6)


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with bytes that are changed, removed or doubled, or cut off somewhere."""
    held = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(held) - 1)))
        how = draw(st.sampled_from(["set", "remove", "double", "cut"]))
        if how == "set":
            held[at : at + 1] = bytes([draw(st.integers(0, 255))])
        elif how == "remove":
            del held[at : at + draw(st.integers(1, 32))]
        elif how == "double":
            held[at:at] = held[at : at + draw(st.integers(1, 32))]
        else:
            del held[at:]
    return bytes(held)


def _file(content: bytes, folder: str) -> Path:
    path = Path(folder) / "file"
    path.write_bytes(content)
    return path


@given(mutated(MANIFEST))
@settings(max_examples=FUZZ or 150)
def test_bytes_of_a_manifest(content: bytes) -> None:
    try:
        found = read_manifest(content)
    except ValueError:
        return
    assert Manifest.model_validate_json(found.model_dump_json()) == found


@given(places, values)
@settings(max_examples=FUZZ or 300)
def test_values_of_a_manifest(path: list[int], value: Any) -> None:
    """One value somewhere in the manifest is replaced by any other."""
    content = at = json.loads(MANIFEST)
    for step in path:
        keys = list(at) if isinstance(at, dict) else range(len(at))
        key = keys[step % len(keys)]
        if not isinstance(at[key], dict | list) or not at[key] or step is path[-1]:
            break
        at = at[key]
    at[key] = value
    try:
        found = read_manifest(json.dumps(content).encode())
    except ValueError:
        return
    assert len(set(found.classes)) == len(found.classes) >= 2
    assert all(member.temperature > 0 for member in found.members)
    assert found.hierarchy().levels[0] == "class"


@given(values)
def test_json_agrees_with_the_standard_library(value: Any) -> None:
    text = json.dumps(value)
    try:
        found = parse_json(text.encode())
    except StrictJsonError:
        return
    assert found == json.loads(text)


@given(mutated(TENSORS))
@settings(max_examples=FUZZ or 300)
def test_bytes_of_a_tensor_file(content: bytes) -> None:
    """What this reader accepts, safetensors reads with the same shapes."""
    with tempfile.TemporaryDirectory() as folder:
        path = _file(content, folder)
        try:
            shapes = tensor_shapes(path)
        except ValueError:
            shapes = None
        try:
            held = load_tensors(content)
        except (SafetensorError, ValueError, KeyError, TypeError, AttributeError):
            held = None
        if shapes is not None and held is not None:
            assert {name: shape for name, (_, shape) in shapes.items()} == {n: t.shape for n, t in held.items()}
        try:
            assert read_tensors(path, {"mean": "float n"}, {})["mean"].ndim == 1
        except ValueError:
            return


@given(st.dictionaries(st.text(max_size=3), values, max_size=3), st.integers(0, 2**64 - 1) | st.none(), st.binary())
@settings(max_examples=FUZZ or 150)
def test_headers_of_a_tensor_file(entries: dict[str, Any], length: int | None, data: bytes) -> None:
    text = json.dumps(entries).encode()
    with tempfile.TemporaryDirectory() as folder:
        try:
            tensor_shapes(_file(struct.pack("<Q", len(text) if length is None else length) + text + data, folder))
        except ValueError:
            return


@given(mutated(TABLE))
@settings(max_examples=FUZZ or 100)
def test_bytes_of_a_split_file(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            rows = _split_rows(_file(content, folder))
        except ValueError:
            return
    assert all(row.split in ("train", "val", "test") for row in rows)


@given(st.data())
@settings(max_examples=FUZZ or 60)
def test_bytes_of_a_graph(data: st.DataObject) -> None:
    """Bytes of the nodes are changed; those of the weights, which are most of the file, matter less."""
    plain = load_model_from_string(GRAPH)
    for tensor in plain.graph.initializer:
        if len(tensor.raw_data) > 64:
            tensor.ClearField("raw_data")
            tensor.dims[:] = [0]
    content = data.draw(mutated(plain.SerializeToString()))
    with tempfile.TemporaryDirectory() as folder:
        try:
            check_graph(read_graph(_file(content, folder)), {"images": 64}, {"logits": 5, "embedding": None})
        except ValueError:
            return


def test_the_graph_itself_passes() -> None:
    check_graph(load_model_from_string(GRAPH), {"images": 64}, {"logits": 5, "embedding": None})
