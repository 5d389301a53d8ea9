"""Corrections of a real small model: kept, listed, exported, trained on, and taken back."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fieldmark import PhotoError, Recognizer, SettingError, fit, load, read
from fieldmark.artifact.load import load_manifest
from fieldmark.data.photos.plain_jpeg import MAX_SIDE


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A large photo on its side, with EXIF: a camera, a place and an orientation."""
    noise = Image.effect_noise((2400, 1800), 60).convert("RGB")
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Secret camera"
    exif.get_ifd(0x8825)[1] = "N"
    path = tmp_path / "IMG_1.jpg"
    noise.save(path, exif=exif)
    return path


def test_a_correction_keeps_the_photo_without_metadata(model_copy: Path, photo: Path) -> None:
    model = load(model_copy)
    answer, before = model.predict(photo), model.predict_proba(photo)
    made = model.correct(photo, "Unseen one")
    stored = Image.open(model_copy / made.photo)
    assert stored.size == (MAX_SIDE * 3 // 4, MAX_SIDE)  # upright, and not larger than any network sees
    assert not stored.getexif()
    assert b"Secret" not in (model_copy / made.photo).read_bytes()
    (listed,) = model.feedback()
    assert (listed.id, listed.label, listed.name, listed.new_class, listed.trained) == (
        made.id,
        "Unseen one",
        "IMG_1.jpg",
        True,
        False,
    )
    assert (listed.answer, listed.probability, listed.unknown) == (answer.label, answer.confidence, answer.unknown)
    assert listed.answered_by == 1
    np.testing.assert_array_equal(model.predict_proba(photo), before)
    model.remove_feedback(made.id)
    assert model.feedback() == []
    assert not (model_copy / made.photo).exists()


def test_labels_follow_the_rules_of_enrolling(model_copy: Path, photo: Path) -> None:
    model = load(model_copy)
    known = model.classes[0]
    assert model.correct(photo, f" {known}\u00a0").label == known
    assert model.correct(photo, "Café").label == "Café"
    assert model.correct(photo.read_bytes(), "Cafe\u0301 ").label == "Café"
    for wrong in ("", " \u200b", "a\u202eb", "x" * 201):
        with pytest.raises(SettingError):
            model.correct(photo, wrong)
    with pytest.raises(PhotoError):
        model.correct(b"no photo", known)
    assert [one.label for one in model.feedback()] == ["Café"]


def test_a_file_name_that_no_screen_shows_is_escaped(model_copy: Path, photo: Path) -> None:
    """The manifest holds it, and a manifest with control characters is refused."""
    odd = photo.rename(photo.with_name("a\x01\u202eb.jpg"))
    load(model_copy).correct(odd, "Rook")
    assert load(model_copy).feedback()[0].name == "a\\x01\\u202eb.jpg"


@pytest.fixture(scope="module")
def corrected(fitted: Path, birds: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data set without one of the classes, and a model of it whose corrections name that class and another one."""
    folder = tmp_path_factory.mktemp("corrected")
    classes = sorted(path.name for path in birds.iterdir())
    data = folder / "birds"
    for name in classes[:3]:
        shutil.copytree(birds / name, data / name)
    fit(data, folder / "model", method="linear_probe", image_size=96)
    model = load(folder / "model")
    unseen = sorted((birds / classes[3]).iterdir())
    for photo in unseen[:12]:
        model.correct(photo, classes[3])
    test = next(row for row in model.split() if row.split == "test")
    model.correct(data / test.path, test.label)  # a near-duplicate of a test photo
    return data, folder / "model"


def test_fit_trains_on_the_corrections(
    corrected: tuple[Path, Path], birds: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    data, source = corrected
    model = shutil.copytree(source, tmp_path / "model")
    classes = sorted(path.name for path in birds.iterdir())
    held_out = {(row.path, row.split) for row in load(model).split() if row.split != "train"}
    done = command("fit", data, "--out", model, "--method", "linear_probe", "--image-size", 96, "--feedback", model)
    assert done.code == 0, done.err
    said = " ".join(done.err.split())
    assert f"12 corrections of feedback lists added to train; new: {classes[3]}" in said
    assert "1 correction left out: near-duplicates of val or test photos" in said
    assert "kept the feedback list, 13 corrections" in said
    fresh = load(model)
    assert fresh.classes == (*classes[:3], classes[3])
    assert fresh.manifest.data.corrections == 12
    rows = fresh.split()
    assert {(row.path, row.split) for row in rows if row.split != "train"} == held_out
    added = [row for row in rows if row.path.startswith("feedback-")]
    assert {(row.label, row.split) for row in added} == {(classes[3], "train")}
    assert [one.trained for one in fresh.feedback()] == [False] + [True] * 12
    unseen = sorted((birds / classes[3]).iterdir())[12:]
    correct = [answer.label == classes[3] for answer in fresh.predict(unseen)]
    assert np.mean(correct) > 1 / 4  # the model without them never gives that answer
    versions = fresh.versions()
    assert [(one.change, one.classes, one.corrections) for one in versions] == [
        ("fit with linear_probe and 12 corrections", 4, 13),
        ("feedback: 13 corrections", 3, 13),
        ("fit with linear_probe", 3, 0),
    ]
    assert fresh.search(unseen[0], 30)
    assert fresh.evaluate().metrics.num_images == sum(split == "test" for _, split in held_out)
    fresh.rollback()
    assert fresh.classes == tuple(classes[:3])
    assert len(fresh.feedback()) == 13


def test_a_fit_without_feedback_keeps_the_list_and_says_so(
    corrected: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data, source = corrected
    model = shutil.copytree(source, tmp_path / "model")
    whole = load_manifest(model).feedback
    (model / whole[0].photo).write_bytes(b"damaged")
    with caplog.at_level("INFO", logger="fieldmark"):
        fit(read(data), model, method="linear_probe", image_size=96)
    said = [record.message for record in caplog.records]
    assert (f"kept the feedback list, 12 corrections; this fit did not learn from it: add --feedback {model}") in said
    assert any(text.startswith(f"dropped the correction {whole[0].id} to '{whole[0].label}'") for text in said)
    assert load_manifest(model).feedback == whole[1:]
    assert load_manifest(model).data.corrections == 0


def test_corrections_to_classes_that_are_left_out_stay_out(
    corrected: tuple[Path, Path], birds: Path, tmp_path: Path
) -> None:
    _, source = corrected
    classes = sorted(path.name for path in birds.iterdir())
    fit(birds, tmp_path / "new", method="linear_probe", image_size=96, classes="0:3", feedback=[source])
    model = Recognizer(tmp_path / "new")
    assert model.classes == tuple(classes[:3])
    assert model.feedback() == []  # the list stays where it was made


def test_the_command_lists_exports_and_removes(
    corrected: tuple[Path, Path], tmp_path: Path, command: Callable[..., Any]
) -> None:
    _, source = corrected
    model = shutil.copytree(source, tmp_path / "model")
    printed = json.loads(command("feedback", model, "--json").out)
    assert len(printed) == 13
    assert set(printed[0]) == {
        "id",
        "photo",
        "name",
        "answer",
        "probability",
        "unknown",
        "label",
        "new_class",
        "trained",
        "made",
        "answered_by",
    }
    shown = command("feedback", model)
    assert (shown.code, shown.out) == (0, "")
    assert printed[0]["id"][:8] in shown.err
    rows = list(csv.DictReader(command("feedback", model, "--csv").out.splitlines()))
    assert [row["label"] for row in rows] == [one["label"] for one in printed]
    assert all(Path(row["path"]).is_file() for row in rows)
    out = tmp_path / "exported"
    assert command("feedback", model, "--export", out).code == 0
    assert sorted(path.name for path in out.iterdir()) == sorted({one["label"] for one in printed} | {"feedback.csv"})
    records = read(out)
    assert len(records) == 13
    assert command("feedback", model, "--export", out).code == 2
    assert command("feedback", model, "--remove", printed[0]["id"][:8], "--remove", printed[1]["id"]).code == 0
    assert [one["id"] for one in json.loads(command("feedback", model, "--json").out)] == [
        one["id"] for one in printed[2:]
    ]
    assert command("feedback", model, "--remove", "abc").code == 2
    assert command("feedback", model, "--clear").code == 0
    assert json.loads(command("feedback", model, "--json").out) == []
    assert "is empty" in command("feedback", model).err
    assert "is empty: leave out --feedback" in command("fit", tmp_path, "--feedback", model).err
    assert not list(model.glob("feedback-*.jpg"))


def test_the_command_corrects_photos(
    model_copy: Path, birds: Path, tmp_path: Path, command: Callable[..., Any]
) -> None:
    photos = sorted(birds.rglob("*.jpg"))[:2]
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no photo")
    done = command("feedback", model_copy, *photos, broken, "--label", "Rook")
    assert done.code == 1
    assert "broken.jpg" in done.err
    assert [one.label for one in load(model_copy).feedback()] == ["Rook", "Rook"]
    assert command("feedback", model_copy, photos[0]).code == 2
    assert "exclude each other" in command("feedback", model_copy, "--clear", "--json").err


def test_an_exported_file_keeps_no_feedback(fitted: Path, birds: Path, tmp_path: Path) -> None:
    exported = load(fitted).export(tmp_path / "model.onnx")
    from fieldmark import ModelError

    with pytest.raises(ModelError, match="keeps no feedback: name the model folder instead"):
        load(exported.path).correct(sorted(birds.rglob("*.jpg"))[0], "Rook")
