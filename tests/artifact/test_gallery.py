"""The gallery against scikit-learn, with and without an index, and whatever may be wrong with it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

from fieldmark import ModelError, Recognizer, SettingError
from fieldmark.arrays import unit_rows
from fieldmark.artifact import gallery as module
from fieldmark.artifact.gallery import Gallery, GalleryFacts, GalleryRow
from fieldmark.recognizer.nearest import nearest_photos


def _clusters(count: int, dim: int, seed: int = 0, classes: int = 12) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    means = np.random.default_rng(99).normal(size=(classes, dim))
    labels = rng.integers(classes, size=count)
    return unit_rows(means[labels] + 0.8 * rng.normal(size=(count, dim))), labels


def _rows(labels: Any) -> list[GalleryRow]:
    return [GalleryRow(f"photo-{index}.jpg", f"class {label}", "train") for index, label in enumerate(labels)]


def _create(folder: Path, count: int = 400, dim: int = 16) -> tuple[GalleryFacts, Any, Any]:
    vectors, labels = _clusters(count, dim)
    return Gallery.create("gallery", folder, _rows(labels), vectors, "key"), vectors, labels


def test_neighbours_and_their_vote_equal_those_of_scikit_learn(tmp_path: Path) -> None:
    facts, vectors, labels = _create(tmp_path)
    queries, _ = _clusters(40, 16, seed=1)
    found = Gallery(facts, tmp_path).search(queries, 5)
    distances, indices = NearestNeighbors(n_neighbors=5, metric="cosine").fit(vectors).kneighbors(queries)
    assert [[one.path for one in near] for near in found] == [[f"photo-{i}.jpg" for i in row] for row in indices]
    np.testing.assert_allclose([[one.similarity for one in near] for near in found], 1 - distances, atol=1e-5)
    vote = KNeighborsClassifier(5, metric="cosine", weights=lambda d: 1 - d).fit(vectors, labels).predict(queries)
    own = []
    for near in found:
        weights: dict[str, float] = {}
        for one in near:
            weights[one.label] = weights.get(one.label, 0.0) + one.similarity
        own.append(max(weights, key=lambda name: weights[name]))
    assert own == [f"class {label}" for label in vote]


def test_a_table_with_many_versions_is_left_to_its_generations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_VERSIONS", 4)
    first, vectors, _ = _create(tmp_path, count=50)
    facts, tables = first, []
    for number in range(6):
        row = GalleryRow(f"new-{number}.jpg", "new", "enrolled")
        facts = Gallery(facts, tmp_path).add([row], vectors[:1])
        tables.append(facts.table)
    assert tables[:4] == [first.table] * 4
    assert tables[4] == tables[5] != first.table
    grown = Gallery(facts, tmp_path)
    assert {row.path for row in grown.rows()} == {f"photo-{i}.jpg" for i in range(50)} | {
        f"new-{number}.jpg" for number in range(6)
    }
    assert len(grown.search(vectors[:1], 8)[0]) == 8
    assert len(Gallery(first, tmp_path).rows()) == 50  # an earlier generation still has its own
    assert Gallery(Gallery(facts, tmp_path).remove("new"), tmp_path).rows() == Gallery(first, tmp_path).rows()


def test_a_second_fit_with_the_same_key_leaves_the_table_of_the_first(tmp_path: Path) -> None:
    first, vectors, labels = _create(tmp_path, count=50)
    second = Gallery.create("gallery", tmp_path, _rows(labels)[:30], vectors[:30], "key")
    assert second.table != first.table
    assert [len(Gallery(facts, tmp_path).rows()) for facts in (first, second)] == [50, 30]


def test_a_large_table_gets_an_index_that_finds_nearly_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INDEX_FROM", 2000)
    monkeypatch.setattr(module, "_PROBES", 25)  # of 55 lists
    facts, vectors, _ = _create(tmp_path, count=3000, dim=32)
    queries, _ = _clusters(50, 32, seed=1)
    gallery = Gallery(facts, tmp_path)
    assert [index.index_type for index in gallery._table.list_indices()] == ["IvfSq"]
    found = gallery.search(queries, 10)
    truth = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    hits = [
        len({one.path for one in near} & {f"photo-{i}.jpg" for i in row})
        for near, row in zip(found, truth, strict=True)
    ]
    assert np.mean(hits) >= 9.8
    best = [near[0] for near in found]
    np.testing.assert_allclose([one.similarity for one in best], (queries @ vectors.T).max(1), atol=1e-5)
    added = gallery.add([GalleryRow("new.jpg", "new", "enrolled")], queries[:1])
    assert Gallery(added, tmp_path).search(queries[:1], 1)[0][0].path == "new.jpg"


def test_names_may_contain_any_character(tmp_path: Path) -> None:
    vectors, _ = _clusters(3, 8)
    rows = [GalleryRow("it's\n.jpg", "O'Brien; DROP", "train"), GalleryRow("鳥.jpg", "鳥", "val")]
    rows.append(GalleryRow(b"\xff.jpg".decode("utf-8", "surrogateescape"), "", "train"))
    facts = Gallery.create("gallery", tmp_path, rows, vectors, "key")
    assert [(row.path, row.label) for row in Gallery(facts, tmp_path).rows()] == [
        ("it's\n.jpg", "O'Brien; DROP"),
        ("鳥.jpg", "鳥"),
        ("\\xff.jpg", ""),
    ]


def test_versions_stay_as_they_are_and_a_change_that_nobody_names_is_undone(tmp_path: Path) -> None:
    facts, vectors, _ = _create(tmp_path)
    first = Gallery(facts, tmp_path)
    before = first.search(vectors[:3], 4)
    first.add([GalleryRow("lost.jpg", "lost", "enrolled")], vectors[:1])  # and the process dies here
    added = first.add([GalleryRow("new.jpg", "it's new", "enrolled")], vectors[:1])
    second = Gallery(added, tmp_path)
    assert {row.path for row in second.rows()} - {row.path for row in first.rows()} == {"new.jpg"}
    assert added.rows == facts.rows + 1
    removed = Gallery(second.remove("it's new"), tmp_path)
    assert removed.rows() == first.rows()
    assert removed.search(vectors[:3], 4) == before == Gallery(facts, tmp_path).search(vectors[:3], 4)


def test_a_gallery_of_another_model_or_none_is_refused(tmp_path: Path) -> None:
    facts, _, _ = _create(tmp_path)
    with pytest.raises(ModelError) as raised:
        Gallery(facts.model_copy(update={"key": "other"}), tmp_path)
    place = tmp_path / "gallery"
    assert str(raised.value) == (
        f"the gallery at {place} was made by another model; copy this model's own gallery there"
    )
    for broken in ({"uri": "nowhere"}, {"version": 99}, {"table": "nothing"}):
        with pytest.raises(ModelError, match=r"expected the model's gallery at .*, but it cannot be opened"):
            Gallery(facts.model_copy(update=broken), tmp_path)


def test_a_fit_keeps_its_photos(fitted: Path) -> None:
    recognizer = Recognizer(fitted)
    rows = {(row.path, row.label, row.split) for row in recognizer.gallery.rows()}
    assert rows == {(row.path, row.label, row.split) for row in recognizer.split() if row.split != "test"}


def test_a_known_photo_finds_itself_first(fitted: Path, birds: Path) -> None:
    recognizer = Recognizer(fitted)
    own = [row for row in recognizer.split() if row.split == "train"][:3]
    found, errors = nearest_photos(recognizer, [birds / own[0].path, birds / "missing.jpg", birds / own[1].path], k=2)
    assert [near[0].path if near else None for near in found] == [own[0].path, None, own[1].path]
    assert found[0][0].similarity == pytest.approx(1.0, abs=1e-3)
    assert set(errors) == {1}
    with pytest.raises(SettingError) as raised:
        nearest_photos(recognizer, [], k=0)
    assert str(raised.value) == "the number of neighbours must be at least 1, but is 0"


def test_the_gallery_travels_with_the_model(model_copy: Path, birds: Path) -> None:
    photo = next(birds.rglob("*.jpg"))
    before = nearest_photos(Recognizer(model_copy), [photo])
    moved = shutil.move(model_copy, model_copy.with_name("elsewhere"))
    assert nearest_photos(Recognizer(moved), [photo]) == before


def test_search_prints_json(fitted: Path, birds: Path, command: Callable[..., Any]) -> None:
    photo = next(birds.rglob("*.jpg"))
    done = command("search", fitted, photo, "-k", 3, "--json")
    printed = json.loads(done.out)
    assert (done.code, printed["path"], len(printed["neighbours"])) == (0, str(photo), 3)
    assert set(printed["neighbours"][0]) == {"path", "label", "split", "similarity"}
    missing = command("search", fitted, birds / "missing.jpg")
    assert (missing.code, missing.out) == (2, "")
    assert "missing.jpg does not exist" in missing.err


def test_answering_does_not_open_the_gallery(fitted: Path, birds: Path) -> None:
    code = f"""
import sys, fieldmark
answer = fieldmark.Recognizer({str(fitted)!r}).predict({str(next(birds.rglob("*.jpg")))!r})
assert answer.unknown is not None
print(*(name for name in ("lancedb", "pyarrow", "torch") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
