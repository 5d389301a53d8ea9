"""Saving and loading models: round trips, and errors for damaged folders."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from fieldmark import ModelError, Recognizer, SettingError, load
from fieldmark.artifact.checksums import checksum
from fieldmark.artifact.load import load_manifest, load_split
from fieldmark.artifact.load_method import load_method
from fieldmark.artifact.manifest import FORMAT, Manifest
from fieldmark.artifact.save import check_out
from fieldmark.backbones.onnx_export import Normalize
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.data.photos.open_photo import content_key
from fieldmark.data.photos.preprocess import load_array
from fieldmark.data.relative_path import relative_path
from fieldmark.structures import Record

FILES = [
    ".lock",
    "README.md",
    "fieldmark.json",
    "memory-*.safetensors",
    "model-*.onnx",
    "split-*.csv",
    "trust-*.safetensors",
    "val_logits-*.safetensors",
    "weights-*.safetensors",
]


def _file(folder: Path, pattern: str) -> Path:
    """The one file of that pattern."""
    (found,) = folder.glob(pattern)
    return found


def _edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads((folder / "fieldmark.json").read_text())
    change(content)
    (folder / "fieldmark.json").write_text(json.dumps(content))


def test_the_files_of_a_model(fitted: Path) -> None:
    assert {_file(fitted, name) for name in FILES} == {path for path in fitted.iterdir() if path.is_file()}
    assert [path.name for path in fitted.iterdir() if path.is_dir()] == ["gallery"]
    assert {path.name for path in fitted.parent.iterdir()} == {"model"}


def test_no_file_contains_a_pickle(fitted: Path) -> None:
    """A pickle may be a bare file, or inside a zip as torch writes it."""
    for path in (path for path in fitted.rglob("*") if path.is_file()):
        assert not zipfile.is_zipfile(path), path
        assert not path.read_bytes()[:2].startswith(b"\x80"), path
    assert load_file(_file(fitted, "weights-*"))


def test_the_manifest_survives_its_own_json(fitted: Path) -> None:
    manifest = load_manifest(fitted)
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest
    assert set(manifest.checksums) == {_file(fitted, name).name for name in FILES if "*" in name}
    assert all(Path(name).stem.endswith("-" + value[:16]) for name, value in manifest.checksums.items())
    assert all(checksum(fitted / name) == value for name, value in manifest.checksums.items())


def test_keys_of_a_newer_version_are_kept(model_copy: Path) -> None:
    _edit(model_copy, lambda content: content.update(conformal={"alpha": 0.1}))
    assert load_manifest(model_copy).model_dump()["conformal"] == {"alpha": 0.1}


def test_the_torch_method_equals_the_graph(fitted: Path, birds: Path) -> None:
    manifest = load_manifest(fitted)
    preprocess = manifest.members[0].preprocess
    photos = sorted(birds.rglob("*.jpg"))[:6]
    images = np.stack([load_array(Record(path, 0), preprocess) for path in photos])
    method = load_method(fitted, manifest, manifest.members[0])
    assert not method.training
    with torch.no_grad():
        output = method(Normalize(preprocess)(torch.from_numpy(images)))
    shipped = OnnxRunner(_file(fitted, "model-*")).run(images)
    for name, tensor in (("logits", output.logits), ("embedding", output.embedding)):
        expected = tensor.numpy()
        np.testing.assert_allclose(shipped[name], expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())


def test_a_moved_model_gives_the_same_answers(fitted: Path, birds: Path, tmp_path: Path) -> None:
    """A model needs neither its photos nor its old location."""
    photo = Path(shutil.copy(next(birds.rglob("*.jpg")), tmp_path / "photo.jpg"))
    moved = shutil.copytree(fitted, tmp_path / "elsewhere")
    _edit(moved, lambda content: content["data"].update(source="/nowhere"))
    assert load(moved).predict(photo).candidates == load(fitted).predict(photo).candidates


def test_split_csv_lists_every_photo_by_path_and_content(fitted: Path, birds: Path) -> None:
    manifest = load_manifest(fitted)
    rows = load_split(fitted, manifest)
    assert sorted(birds / row.path for row in rows) == sorted(birds.rglob("*.jpg"))
    assert all(row.label == Path(row.path).parent.name for row in rows)
    assert all(content_key(birds / row.path) == row.content for row in rows)
    assert {split: sum(row.split == split for row in rows) for split in manifest.data.photos} == manifest.data.photos
    assert all(count > 0 for count in manifest.data.photos.values())


def test_the_card_lists_facts_and_limits(fitted: Path) -> None:
    recognizer = Recognizer(fitted)
    assert recognizer.card == (fitted / "README.md").read_text(encoding="utf-8")
    for part in ("# A recognizer of 4 classes", "`linear_probe`", "96 px, 2 view(s)", "## Limits", *recognizer.classes):
        assert part in recognizer.card
    assert "| licence of the pretrained weights | tf_efficientnet_lite0: apache-2.0 |" in recognizer.card


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def _damage_json(folder: Path, text: str) -> None:
    (folder / "fieldmark.json").write_text(text)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no graph": (lambda m: _file(m, "model-*").unlink(), "GRAPH is missing"),
    "flipped bit": (lambda m: _flip(_file(m, "model-*")), "the content of GRAPH has changed"),
    "cut off": (lambda m: _file(m, "model-*").write_bytes(b""), "the content of GRAPH has changed"),
    "broken json": (lambda m: _damage_json(m, '{"format": 1,'), "fieldmark.json cannot be read: it is no JSON"),
    "no text": (
        lambda m: (m / "fieldmark.json").write_bytes(b"\xff\xfe\x00"),
        "fieldmark.json cannot be read: it is no JSON",
    ),
    "a list": (lambda m: _damage_json(m, "[1]"), "fieldmark.json cannot be read"),
    "no format": (lambda m: _damage_json(m, "{}"), "fieldmark.json cannot be read"),
    "only a format": (lambda m: _damage_json(m, '{"format": 1}'), "'fieldmark' in fieldmark.json is not valid"),
    "no members": (
        lambda m: _edit(m, lambda content: content["members"].clear()),
        "'members' in fieldmark.json is not valid",
    ),
    "no preprocessing": (
        lambda m: _edit(m, lambda content: content["members"][0]["preprocess"].pop("mean")),
        "'members.0.preprocess' in fieldmark.json is not valid",
    ),
    "wrong preprocessing": (
        lambda m: _edit(m, lambda content: content["members"][0]["preprocess"].update(resize="stretch")),
        "'members.0.preprocess' in fieldmark.json is not valid",
    ),
    "temperature zero": (
        lambda m: _edit(m, lambda content: content["members"][0].update(temperature=0)),
        "'members.0.temperature' in fieldmark.json is not valid",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_errors_name_the_damaged_file(model_copy: Path, damage: str) -> None:
    inflict, what = DAMAGES[damage]
    what = what.replace("GRAPH", _file(model_copy, "model-*").name)
    inflict(model_copy)
    with pytest.raises(ModelError) as raised:
        load(model_copy)
    assert str(raised.value) == f"the model {model_copy} is damaged ({what}); copy it again or fit it again"


@pytest.mark.parametrize("name", ["weights-*", "split-*"])
def test_optional_files_are_checked_when_they_are_read(model_copy: Path, name: str) -> None:
    flipped = _file(model_copy, name)
    _flip(flipped)
    recognizer = load(model_copy)
    manifest = recognizer.manifest
    read = {
        "weights-*": lambda: load_method(model_copy, manifest, manifest.members[0]),
        "split-*": recognizer.split,
    }
    with pytest.raises(ModelError, match=f"the content of {flipped.name} has changed"):
        read[name]()


def test_a_newer_model(model_copy: Path) -> None:
    _edit(model_copy, lambda content: content.update(format=FORMAT + 1, fieldmark="9.0", members="another shape"))
    with pytest.raises(ModelError) as raised:
        load(model_copy)
    assert str(raised.value) == (
        f"the model {model_copy} has format {FORMAT + 1}, written by Fieldmark 9.0, but this Fieldmark reads formats "
        f"up to {FORMAT}; upgrade with 'pip install -U fieldmark'"
    )


def test_a_missing_model_is_an_error(tmp_path: Path, birds: Path) -> None:
    with pytest.raises(ModelError) as raised:
        load(tmp_path / "none")
    assert str(raised.value) == (
        f"expected a model folder made by 'fieldmark fit', but there is no folder {tmp_path / 'none'}"
    )
    with pytest.raises(ModelError) as raised:
        load(birds)
    assert str(raised.value) == f"expected a model folder made by 'fieldmark fit', but {birds} holds no fieldmark.json"


def test_out_that_is_not_a_model_is_refused(tmp_path: Path, fitted: Path) -> None:
    (tmp_path / "mine").mkdir()
    check_out(tmp_path / "mine")
    check_out(tmp_path / "new" / "deep")
    check_out(fitted)
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for out in (tmp_path / "mine", tmp_path / "mine" / "thesis.txt"):
        with pytest.raises(SettingError) as raised:
            check_out(out)
        assert str(raised.value) == f"--out {out} exists and is no model folder; name a new folder"


def test_out_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError) as raised:
        check_out(tmp_path / "file" / "model")
    assert str(raised.value) == (
        f"{tmp_path / 'file' / 'model'} cannot be written ({tmp_path / 'file'} is no folder): name another place"
    )


def test_paths_are_relative_to_the_data(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("")
    assert relative_path(tmp_path / "a" / "b.jpg", tmp_path) == "a/b.jpg"
    assert relative_path(tmp_path / "a" / "b.jpg", tmp_path / "labels.csv") == "a/b.jpg"
    assert relative_path(Path("/else/b.jpg"), tmp_path) == "/else/b.jpg"
    assert relative_path(Path("/else/b.jpg"), None) == "/else/b.jpg"
