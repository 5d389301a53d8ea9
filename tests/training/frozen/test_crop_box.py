"""``crop=box``: heads and locators learn from annotated boxes, and answers need none."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fieldmark import DataError, Recognizer, SettingError, fit, load
from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.tiles import central_places, place_centres, tile_views
from fieldmark.data.photos.zoom import Zoom
from fieldmark.data.prepare import prepare
from fieldmark.data.read import read
from fieldmark.export.export_onnx import export
from fieldmark.methods.auto import Auto
from fieldmark.methods.linear_probe import LinearProbe
from fieldmark.recipe import build_settings
from fieldmark.structures import Box, Record
from fieldmark.training.cached_views import CachedViews
from fieldmark.training.frozen.fit_locator import fit_locator, fit_whitening
from fieldmark.training.frozen.frozen_backbone import FrozenBackbone
from fieldmark.training.frozen.frozen_pass import run_pass
from fieldmark.training.frozen.locate_objects import boxed_places

CLASSES, EACH, SIDE = ("cross", "disc", "stripes"), 10, 192
OBJECT = 48


def mark(kind: str) -> Image.Image:
    """A yellow square with a dark mark, by which the classes differ."""
    y, x = np.mgrid[-1 : 1 : OBJECT * 1j, -1 : 1 : OBJECT * 1j]
    dark = {
        "cross": np.minimum(abs(x), abs(y)) < 0.2,
        "disc": np.hypot(x, y) < 0.6,
        "stripes": np.sin(12 * x) > 0,
    }[kind]
    return Image.fromarray(np.where(dark[..., None], (30, 20, 60), (240, 220, 40)).astype(np.uint8))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of scenes with a small object each; every fourth one has no box."""
    folder, rng = tmp_path_factory.mktemp("scenes"), np.random.default_rng(0)
    rows = []
    for number in range(len(CLASSES) * EACH):
        coarse = rng.integers(60, 150, (6, 6, 3)).astype(np.uint8)
        scene = Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        left, top = (int(edge) for edge in rng.integers(0, SIDE - OBJECT, 2))
        kind = CLASSES[number % len(CLASSES)]
        scene.paste(mark(kind), (left, top))
        scene.save(folder / f"{number}.png")
        box = f"{left} {top} {left + OBJECT} {top + OBJECT}" if number % 4 else ""
        rows.append((f"{number}.png", kind, box))
    table = folder / "scenes.csv"
    with table.open("w", newline="") as opened:
        csv.writer(opened).writerows([("path", "label", "box"), *rows])
    return table


@pytest.fixture(scope="module")
def recognizer(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    out = tmp_path_factory.mktemp("boxes") / "model"
    return fit(scenes, out, method="linear_probe", image_size=64, crop="box")


@pytest.fixture(scope="module")
def photos(scenes: Path) -> PhotoTable:
    return prepare(read(scenes)).photos.for_training()


def boxed(scenes: Path) -> list[Record]:
    return [record for record in read(scenes) if record.box is not None]


def test_answers_look_at_the_found_box_or_at_the_given_one(
    recognizer: Recognizer, scenes: Path, command: Callable[..., Any]
) -> None:
    records = boxed(scenes)
    for record, answer in zip(records, recognizer.predict([record.path for record in records]), strict=True):
        assert record.box is not None
        assert answer.box is not None
        x, y = (answer.box[0] + answer.box[2]) / 2, (answer.box[1] + answer.box[3]) / 2
        assert record.box[0] - 24 < x < record.box[2] + 24
        assert record.box[1] - 24 < y < record.box[3] + 24
    record = records[0]
    shown = ",".join(f"{edge:g}" for edge in record.box or ())
    told = command("predict", recognizer.folder, record.path, "--json", "--box", shown)
    assert json.loads(told.out)["box"] == list(record.box or ())
    assert recognizer.predict(record.path, box=record.box).candidates[0].label == recognizer.classes[record.label]


def test_the_fit_says_what_boxes_and_zoom_gain_and_cost(recognizer: Recognizer) -> None:
    reached, gained = recognizer.manifest.steps
    assert reached.startswith("tf_efficientnet_lite0 at 64 px, zoomed, avg: ")
    assert reached.endswith(" where the annotated box is given")
    assert gained.endswith(" over the whole photo, and answers take 5.5 times the time; --set zoom=false leaves it out")
    assert all(step in recognizer.card for step in recognizer.manifest.steps)


def test_the_exported_file_finds_the_same_boxes(recognizer: Recognizer, scenes: Path, tmp_path: Path) -> None:
    report = export(recognizer.folder, tmp_path / "model.onnx")
    assert report.parity.agreement == 1.0
    paths = [record.path for record in boxed(scenes)[::9]]
    for folder, file in zip(recognizer.predict(paths), load(report.path).predict(paths), strict=True):
        assert file.box == folder.box
        assert file.confidence == pytest.approx(folder.confidence, abs=1e-4)


@pytest.mark.parametrize("zoom", [None, Zoom(), Zoom(tiles=2)])
def test_heads_learn_from_the_boxes_and_answers_do_not_read_them(photos: PhotoTable, zoom: Zoom | None) -> None:
    settings = LinearProbe.Settings(crop="box")
    backbone = FrozenBackbone(photos, settings, None, 64, ["avg"], learn_val=True, whole_photo=True)
    run = run_pass(backbone, [("avg",)], zoom=zoom)
    looks = 2 if zoom == Zoom() else 1
    assert run.views == CachedViews(looks, given=True, mirrored=True)
    assert run.answer_views == list(range(2 * looks))
    answered = run.table.rows[:, 2 * looks - 2 : 2 * looks]
    given = run.table.rows[:, 2 * looks :]
    for position, record in enumerate(photos.records):
        if record.box is None:
            np.testing.assert_array_equal(given[position], answered[position])
    has_box = [position for position, record in enumerate(photos.records) if record.box is not None]
    by_hand = backbone.features.extract_boxes(
        [photos.records[position] for position in has_box],
        [photos.records[position].box for position in has_box],
        Zoom(),
        content_keys=photos.key_of,
    )
    np.testing.assert_array_equal(given[has_box], by_hand.rows)
    assert run.given_accuracy is not None
    assert run.given_accuracy > 0.6


def test_views_are_counted_in_the_order_of_the_table() -> None:
    views = CachedViews(answering=2, given=True, mirrored=True)
    assert (views.count, list(views.learned), list(views.answered)) == (6, [0, 2, 4], [0, 2])
    assert views.told == [0, 4]
    assert CachedViews(given=True).told == [1]
    assert views.averaged(1) == [0, 2]
    assert views.averaged(2) == [0, 1, 2, 3]
    assert CachedViews().averaged(2) == [0]


def test_boxes_teach_a_locator_where_labels_cannot() -> None:
    """All photos are of one class, so only the boxes say which of two loud things is the object."""
    rng = np.random.default_rng(3)
    features = rng.normal(0, 0.3, (60, 25, 12)).astype(np.float32)
    places = np.array([rng.permutation(25)[:2] for _ in features])
    inside = np.zeros((60, 25), dtype=np.bool_)
    kind, other = rng.normal(size=(2, 12))
    for index, (one, two) in enumerate(places):
        features[index, one] += kind
        features[index, two] += 2 * other
        inside[index, one] = index % 2 == 0
    white = fit_whitening(iter([features.reshape(-1, 12)]))(features)
    for taught, enough in ((inside[:40], True), (None, False)):
        weight = fit_locator(white[:40], np.zeros(40, dtype=np.int64), 1, taught)
        assert (((white[40:] @ weight).argmax(1) == places[40:, 0]).mean() > 0.9) == enough


def test_centres_of_places_are_where_the_tiles_show_them() -> None:
    """Pixels that say where they are, averaged over each place of each tile."""
    across = np.linspace(0.5, 255.5, 256) / 256
    shown = np.stack(np.broadcast_arrays(across[None, :] * 255, across[:, None] * 255, 0.0), 2)
    tiles = tile_views(Image.fromarray(shown.astype(np.uint8)), Preprocess(64, "squash"), 2)
    means = tiles.reshape(9, 4, 16, 4, 16, 3).mean((2, 4)).reshape(-1, 3)[:, :2] / 255
    np.testing.assert_allclose(place_centres(2, 16), means, atol=0.01)


def test_places_in_a_box_cover_it_and_a_tiny_box_has_one() -> None:
    boxes: list[Box | None] = [(0, 0, 100, 200), None, (10, 10, 12, 12)]
    inside = boxed_places([(200, 200)] * 3, boxes, 2, 49, Preprocess(64, "squash"))
    centres = place_centres(2, 49)[central_places(2, 49)]
    np.testing.assert_array_equal(inside[0], centres[:, 0] < 0.5)
    assert inside.sum(1)[1:].tolist() == [0, 1]
    assert np.abs(centres[inside[2]] - 11 / 200).max() < 0.05


def test_zoom_is_on_with_boxes_unless_the_user_sets_it() -> None:
    assert LinearProbe.Settings(crop="box").zoom is True
    assert LinearProbe.Settings(crop="box", zoom=False).zoom is False
    assert LinearProbe.Settings().zoom is False
    assert Auto.Settings(crop="box").zoom == "auto"
    stored = LinearProbe.Settings(crop="box", zoom=False).model_dump()
    assert LinearProbe.Settings.model_validate(stored).zoom is False


def test_data_without_boxes_are_refused(half_of_birds: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        fit(half_of_birds, tmp_path / "model", method="linear_probe", image_size=64, crop="box")
    assert str(refused.value) == (
        "crop=box learns from annotated boxes, but none of 40 training photos has one: give the data a column 'box', "
        "or leave crop out"
    )


def test_a_method_that_trains_its_network_names_the_other_way() -> None:
    with pytest.raises(SettingError) as refused:
        build_settings("fine_tune", overrides=["crop=box"])
    assert str(refused.value) == (
        "crop=box is for methods that keep the backbone frozen, such as linear_probe; 'fine_tune' does not: write the "
        "boxes as photos of their own with 'fieldmark crop DATA --out CROPS', and fit those"
    )
