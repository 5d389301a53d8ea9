"""The learned locator: what planted objects of known places and classes show, and that no label places its own crop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image

from fieldmark import Recognizer, fit, load
from fieldmark.artifact.load_method import load_method
from fieldmark.backbones.onnx_export import Normalize
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.tiles import central_places, joined_tiles, tile_views, tiles_of
from fieldmark.data.photos.zoom import find_object
from fieldmark.export.export_onnx import export
from fieldmark.training.frozen import locate_objects
from fieldmark.training.frozen.fit_locator import Whitening, fit_locator, fit_whitening

CLASSES, EACH, PLACES, CHANNELS = 6, 24, 25, 24


def planted(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (n, L, C), labels, and the place of the object. Each photo has a louder thing of no class, too."""
    labels = np.repeat(np.arange(CLASSES), EACH)
    features = rng.normal(0, 0.3, (len(labels), PLACES, CHANNELS)).astype(np.float32)
    places = np.array([rng.permutation(PLACES)[:4] for _ in labels])
    kind, marks, loud = rng.normal(size=CHANNELS), rng.normal(size=(CLASSES, CHANNELS)), rng.normal(size=CHANNELS)
    for index, (label, where) in enumerate(zip(labels, places, strict=True)):
        features[index, where[0]] += kind + marks[label]
        features[index, where[1:]] += 3 * loud
    return features, labels, places[:, 0]


def test_the_locator_finds_what_tells_the_classes_apart_in_photos_that_it_did_not_learn_from() -> None:
    """And not the loudest places, which all classes share."""
    features, labels, places = planted(np.random.default_rng(0))
    whitening = fit_whitening(iter([features.reshape(-1, CHANNELS)]))
    white, learned = whitening(features), np.arange(len(labels)) % 2 == 0
    weight = fit_locator(white[learned], labels[learned], CLASSES)
    scores = white[~learned] @ weight
    assert (scores.argmax(1) == places[~learned]).mean() > 0.9
    assert (features[~learned].sum(2).argmax(1) == places[~learned]).mean() < 0.5
    np.testing.assert_array_equal(fit_locator(white[learned], labels[learned], CLASSES), weight)


def test_whitened_features_have_unit_variance_but_for_the_smallest() -> None:
    rows = np.random.default_rng(1).normal(size=(4000, 8)) @ np.diag([9, 8, 7, 6, 5, 4, 3, 0.01]) + 5
    chunks = np.split(rows.astype(np.float32), 8)
    white = np.concatenate([fit_whitening(iter(chunks))(chunk) for chunk in chunks])
    covariance = np.cov(white.T)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-3
    assert np.diag(covariance)[:7] == pytest.approx(1, abs=0.12)
    assert np.diag(covariance)[7] < 0.01


def test_tiles_of_places_that_do_not_see_each_other_make_the_map_of_the_whole_photo() -> None:
    photo = Image.fromarray(np.random.default_rng(2).integers(0, 255, (90, 60, 3), dtype=np.uint8))
    tiles = tile_views(photo, Preprocess(32, resize="squash"), 3)
    assert tiles.shape == (tiles_of(3), 32, 32, 3)
    maps = tiles.astype(np.float32).sum(3).reshape(1, 25, 32 * 32)
    whole = Preprocess(96, resize="squash")(photo).astype(np.float32).sum(2)
    joined = joined_tiles(maps).reshape(192, 192)
    np.testing.assert_allclose(joined, whole.repeat(2, 0).repeat(2, 1), rtol=1e-6)


@pytest.mark.parametrize("side", [6, 7])
def test_what_tiles_see_at_their_borders_counts_for_little(side: int) -> None:
    """Half of an object lies on each side of the border of two tiles; the tile between them shows it whole."""
    maps = np.zeros((1, 3, 3, side, side), dtype=np.float32)
    maps[:, :, 0, :, -1] = maps[:, :, 2, :, 0] = 5.0  # wrong scores of halves
    maps[:, :, 1, :, side // 2] = 1.0
    row = joined_tiles(maps.reshape(1, 9, -1)).reshape(4 * side, 4 * side)
    np.testing.assert_allclose(row, row[:1].repeat(4 * side, 0), rtol=1e-6)
    assert row[0].argmax() in (2 * side - 1, 2 * side, 2 * side + 1)
    central = central_places(2, side * side).reshape(3, 3, side, side)
    assert not maps[0][central].max() > 1
    assert maps[0][central].max() == 1
    np.testing.assert_array_equal(central, central[::-1, ::-1, ::-1, ::-1])


@pytest.fixture(scope="module")
def recognizer(half_of_birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    out = tmp_path_factory.mktemp("locating") / "model"
    return fit(half_of_birds, out, method="linear_probe", image_size=64, zoom=True, zoom_tiles=2)


def test_answers_look_where_the_tiles_score_highest(recognizer: Recognizer, birds: Path) -> None:
    facts = recognizer.manifest.members[0]
    assert facts.zoom is not None
    method = load_method(recognizer.folder, recognizer.manifest, facts)
    assert method.locator is not None
    path = sorted(birds.rglob("*.jpg"))[1]
    photo = open_photo(path)
    square = replace(facts.preprocess, image_size=128)(photo)
    total, weights = np.zeros((8, 8)), np.zeros((8, 8))
    rising = np.array([0.5, 1.5, 1.5, 0.5])
    for top in range(3):
        for left in range(3):
            tile = square[None, 32 * top : 32 * top + 64, 32 * left : 32 * left + 64]
            with torch.no_grad():
                local, _ = method.backbone.maps(Normalize(facts.preprocess)(torch.from_numpy(tile.copy())))
            scores = torch.einsum("chw,c->hw", local[0], method.locator).numpy()
            place = np.s_[2 * top : 2 * top + 4, 2 * left : 2 * left + 4]
            weights[place] += np.outer(rising, rising)
            total[place] += np.outer(rising, rising) * scores.repeat(2, 0).repeat(2, 1)
    expected = find_object((total / weights).reshape(1, 64), facts.preprocess, photo.size, facts.zoom)
    assert recognizer.predict(path).box == pytest.approx(expected, abs=2)


def test_the_exported_file_and_the_explanation_look_at_the_same_box(
    recognizer: Recognizer, birds: Path, tmp_path: Path
) -> None:
    report = export(recognizer.folder, tmp_path / "model.onnx")
    assert report.parity.agreement == 1.0
    paths = sorted(birds.rglob("*.jpg"))[1::40]
    for folder, file in zip(recognizer.predict(paths), load(report.path).predict(paths), strict=True):
        assert file.box == folder.box
        assert file.confidence == pytest.approx(folder.confidence, abs=1e-4)
    evidence, answer = recognizer.explain(paths[0]), recognizer.predict(paths[0])
    assert evidence.object_box == pytest.approx(answer.box, abs=0.06)
    assert evidence.map.sum() == pytest.approx(evidence.score - evidence.offset, rel=1e-3)


def test_no_label_places_the_crop_of_its_own_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores of learned photos come from the other folds; those of others from the locator that learned from all."""
    labels = np.tile(np.arange(3), 8)
    seen: list[frozenset[int]] = []

    def remember(features: np.ndarray, own: np.ndarray, num_classes: int, in_box: None) -> np.ndarray:
        seen.append(frozenset(np.round(features[:, 0, 0] * 1000).astype(int).tolist()))
        return np.full(features.shape[2], len(seen) - 1, dtype=np.float32)

    rows = np.random.default_rng(4).normal(size=(26, 1, 4 * 2)).astype(np.float32)
    table = cast(
        Any, SimpleNamespace(rows=np.zeros((26, 1)), failed={}, views=1, read=lambda _, rows_, tile: rows[rows_, tile])
    )
    monkeypatch.setattr(locate_objects, "fit_locator", remember)
    monkeypatch.setattr(
        locate_objects, "fit_whitening", lambda chunks: Whitening(np.zeros(2, np.float32), np.eye(2, dtype=np.float32))
    )
    monkeypatch.setattr(locate_objects, "available_cpus", lambda: 1)
    labelled = locate_objects.Labelled(np.arange(24), labels, np.arange(24), 3, folds=4, seed=0)
    scores = locate_objects.fitted_scores(table, 2, labelled)["scores"]
    for position in range(26):
        by_fold = scores[position] / joined_tiles(rows[position].reshape(1, 1, 4, 2).sum(3)).ravel()
        assert by_fold == pytest.approx(by_fold[0], rel=1e-3)
        learned_from = seen[int(np.rint(by_fold[0]))]
        assert round(float(rows[position, 0, 0]) * 1000) not in learned_from
        assert (len(learned_from) == 24) == (position >= 24)
