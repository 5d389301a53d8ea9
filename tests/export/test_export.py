"""One ONNX file gives the same answers as the model folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch
from PIL import Image

from fieldmark import ModelError, Recognizer, SettingError
from fieldmark.artifact.load import load_manifest
from fieldmark.calibration.logit_scaling import LogitScaling
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.export import export_onnx as export_module
from fieldmark.export.compared_graph import TOLERANCE
from fieldmark.export.evidence_map import evidence_map
from fieldmark.export.export_onnx import export
from fieldmark.export.fused_model import FusedRecognizer, inputs_of
from fieldmark.methods.build import build_method
from fieldmark.methods.pooled import PooledMethod

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def exported(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(fitted, tmp_path_factory.mktemp("exported") / "model.onnx").path


@pytest.fixture(scope="module")
def photos(birds: Path) -> list[Path]:
    return sorted(birds.rglob("*.jpg"))[::9]


def _session(path: Path) -> Any:
    return ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def test_the_file_gives_the_same_answers_as_the_folder(fitted: Path, exported: Path, photos: list[Path]) -> None:
    ours, theirs = Recognizer(exported).predict(photos, top_k=4), Recognizer(fitted).predict(photos, top_k=4)
    for one, two in zip(ours, theirs, strict=True):
        assert [each.label for each in one.candidates] == [each.label for each in two.candidates]
        np.testing.assert_allclose(
            [each.probability for each in one.candidates], [each.probability for each in two.candidates], atol=1e-5
        )
        assert (one.set, one.unknown, one.rank) == (two.set, two.unknown, two.rank)


def test_onnx_runtime_runs_the_file_without_fieldmark(fitted: Path, exported: Path, photos: list[Path]) -> None:
    session = _session(exported)
    texts = session.get_modelmeta().custom_metadata_map
    classes, (square,) = json.loads(texts["classes"]), json.loads(texts["inputs"])
    assert {"taxonomy", "calibration", "thresholds"} <= texts.keys()
    images = np.stack([Preprocess.from_dict(square["preprocess"])(open_photo(path)) for path in photos])
    for count in (1, 3, len(photos)):
        (probabilities,) = session.run(["probabilities"], {square["name"]: images[:count]})
        assert probabilities.shape == (count, 4)
        np.testing.assert_allclose(probabilities.sum(1), 1.0, atol=1e-5)
    answers = Recognizer(fitted).predict(photos)
    assert [classes[index] for index in probabilities.argmax(1)] == [answer.label for answer in answers]


def test_evidence_adds_up_to_the_winners_logit(fitted: Path, exported: Path, photos: list[Path]) -> None:
    """If the most probable class is the same, two photos differ equally in summed evidence and in logit."""
    session, manifest = _session(exported), load_manifest(fitted)
    preprocess = manifest.members[0].preprocess
    images = np.stack([preprocess(open_photo(path)) for path in photos])
    logits, evidence = session.run(["logits", "evidence"], {"images": images})
    winners = logits.argmax(1)
    rest = logits.max(1) - evidence.sum((1, 2))
    for label in set(winners):
        np.testing.assert_allclose(rest[winners == label], rest[winners == label][0], atol=1e-3)


@pytest.mark.parametrize("poolings", [("avg",), ("gem",), ("avg", "gem"), ("cov",), ("gem", "cov")])
@pytest.mark.parametrize("views", [1, 2])
def test_evidence_of_every_pooling_adds_up(poolings: tuple[str, ...], views: int) -> None:
    torch.manual_seed(0)
    method = build_method("linear_probe", 5, {"backbone": "test_efficientnet", "poolings": poolings}, 64).eval()
    assert isinstance(method, PooledMethod)
    for name, dim in method.pool.dims.items():
        method.set_scaling(name, torch.randn(dim), 0.7)
    looks = torch.randn(views * 3, 3, 64, 64)
    with torch.no_grad():
        features = method.local_features(looks)
        output = method.classify(features)
        mean = output.logits.reshape(views, 3, 5).mean(0)
        shown = evidence_map(method, views, views)
        assert shown is not None
        winners = torch.tensor([4, 4, 4])
        rest = mean[:, 4] - shown(features, winners).sum((1, 2))
    torch.testing.assert_close(rest, rest[:1].expand(3), atol=1e-4, rtol=1e-4)


def test_evidence_that_needs_gradients_has_no_map_in_the_graph() -> None:
    assert evidence_map(build_method("bilinear_cnn", 5, {"backbone": "test_efficientnet"}, 64), 1, 1) is None


def test_several_members_ten_views_and_scaling_are_one_graph(model_copy: Path, photos: list[Path]) -> None:
    """The inputs are two squares of a photo, one with room for corners; the output is one answer."""
    manifest = load_manifest(model_copy)
    (only,) = manifest.members
    manifest.members = [
        only.model_copy(update={"views": 10, "temperature": 0.8, "weight": 0.3}),
        only.model_copy(update={"temperature": 1.7, "weight": 0.5}),
    ]
    manifest.scaling = LogitScaling(kind="vector", scale=[1.0, 0.9, 1.2, 0.7], shift=[0.0, 0.3, -0.2, 0.1])
    (model_copy / "fieldmark.json").write_text(manifest.model_dump_json(), encoding="utf-8")
    assert [square.preprocess.image_size for square in inputs_of(manifest)] == [96, 110]
    report = export(model_copy, model_copy.with_suffix(".onnx"))
    assert report.inputs == ("images", "images_2")
    assert report.parity.difference < TOLERANCE
    ours, theirs = Recognizer(report.path).scores(photos), Recognizer(model_copy).scores(photos)
    np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=1e-5)


def test_int8_reports_the_loss_of_accuracy(fitted: Path, photos: list[Path], tmp_path: Path, command: Command) -> None:
    whole, small = export(fitted, tmp_path / "whole.onnx"), tmp_path / "small.onnx"
    done = command("export", fitted, "--out", small, "--int8")
    assert done.code == 0
    assert "in int8" in done.err
    assert small.stat().st_size < whole.size
    facts = json.loads(_session(small).get_modelmeta().custom_metadata_map["fieldmark.export"])
    assert facts["precision"] == "int8"
    assert 0.0 <= facts["check"]["top1_after"] <= 1.0
    assert len(Recognizer(small).predict(photos)) == len(photos)


def test_the_commands_accept_the_file(fitted: Path, exported: Path, photos: list[Path], command: Command) -> None:
    from_file = command("predict", exported, photos[0], "--json")
    from_folder = command("predict", fitted, photos[0], "--json")
    assert json.loads(from_file.out)["candidates"][0]["label"] == json.loads(from_folder.out)["candidates"][0]["label"]
    measured = [json.loads(command("evaluate", model, "--json").out) for model in (exported, fitted)]
    assert measured[0]["top1_accuracy"] == measured[1]["top1_accuracy"]
    assert measured[0]["num_images"] == measured[1]["num_images"]


def test_errors_name_what_the_file_lacks(exported: Path, photos: list[Path], command: Command) -> None:
    missing = command("search", exported, photos[0])
    assert missing.code == 2
    assert "holds no gallery: name the model folder instead" in missing.err
    assert command("enroll", exported, photos[0], "--label", "new").code == 2


def test_an_enrolled_class_is_in_the_file(model_copy: Path, tmp_path: Path, command: Command) -> None:
    strange = [tmp_path / f"{index}.png" for index in range(3)]
    for index, path in enumerate(strange):
        Image.effect_noise((96, 96), 60 + 10 * index).convert("RGB").save(path)
    assert command("enroll", model_copy, *strange, "--label", "noise").code == 0
    report = export(model_copy, tmp_path / "joined.onnx")
    assert Recognizer(report.path).classes == Recognizer(model_copy).classes
    assert Recognizer(report.path).predict(strange[0]).label == Recognizer(model_copy).predict(strange[0]).label


class _Wrong(FusedRecognizer):
    """Imitate a faulty exporter: the classes in another order."""

    def forward(self, *squares: torch.Tensor) -> tuple[torch.Tensor, ...]:
        probabilities, logits, *rest = super().forward(*squares)
        return (probabilities.flip(1), logits.flip(1), *rest)


def test_a_graph_with_different_answers_is_refused(
    fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_module, "FusedRecognizer", _Wrong)
    with pytest.raises(ModelError, match=r"does not say what the model says: .* nothing was written"):
        export(fitted, tmp_path / "wrong.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["model", "model.pt"])
def test_the_file_name_must_end_in_onnx(fitted: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError, match=r"expected a file whose name ends in \.onnx"):
        export(fitted, tmp_path / name)


def test_files_that_are_not_exported_models(exported: Path, fitted: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no file"):
        Recognizer(tmp_path / "missing.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(exported.read_bytes()[:2000])
    with pytest.raises(ModelError, match="is damaged"):
        Recognizer(broken)
    foreign = shutil.copy(next(fitted.glob("model-*.onnx")), tmp_path / "foreign.onnx")
    with pytest.raises(ModelError, match="was made by something else"):
        Recognizer(foreign)


def test_the_command_warns_of_weights_that_forbid_commercial_use(
    fitted: Path, command: Command, tmp_path: Path
) -> None:
    """The licence stands in the manifest of the folder."""
    folder = tmp_path / "model"
    shutil.copytree(fitted, folder)
    manifest = json.loads((folder / "fieldmark.json").read_text(encoding="utf-8"))
    assert manifest["members"][0]["weights_licences"] == {"tf_efficientnet_lite0": "apache-2.0"}
    done = command("export", folder, "--out", tmp_path / "free.onnx")
    assert "warning" not in done.err
    manifest["members"][0]["weights_licences"] = {"convnextv2_tiny.fcmae_ft_in1k": "cc-by-nc-4.0"}
    (folder / "fieldmark.json").write_text(json.dumps(manifest), encoding="utf-8")
    done = command("export", folder, "--out", tmp_path / "limited.onnx")
    assert done.code == 0, done.err
    expected = (
        "warning: the pretrained weights of convnextv2_tiny.fcmae_ft_in1k are under cc-by-nc-4.0, which forbids "
        "commercial use of this file too"
    )
    assert expected in done.err
