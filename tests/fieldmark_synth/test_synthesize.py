"""Whole data sets: reproducible bytes, atomic writing, errors, and field_marks.json."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fieldmark.errors import DataError, SettingError
from fieldmark_synth import LAYOUTS, PARTS, read_field_marks, separating_parts, species_list, synthesize


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("small") / "birds"
    synthesize(root, 4, 5, seed=3, size=64)
    return root


def test_same_settings_same_bytes_with_any_number_of_workers(small: Path, tmp_path: Path) -> None:
    synthesize(tmp_path / "again", 4, 5, seed=3, size=64, workers=2)
    assert contents(tmp_path / "again") == contents(small)


def test_another_seed_draws_another_set(small: Path, tmp_path: Path) -> None:
    synthesize(tmp_path / "other", 4, 5, seed=4, size=64)
    assert set(contents(tmp_path / "other").values()).isdisjoint(contents(small).values())


def test_fractions_choose_the_splits(tmp_path: Path) -> None:
    records = synthesize(tmp_path / "set", 2, 10, size=64, val_fraction=0.2, test_fraction=0.1)
    assert [len(records.of_split(split)) for split in ("train", "val", "test")] == [14, 4, 2]
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["field_marks.json", "test", "train", "val"]


def test_an_empty_folder_is_taken_and_parents_are_made(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    synthesize(tmp_path / "empty", 2, 4, size=64)
    synthesize(tmp_path / "new" / "deep" / "set", 2, 4, size=64)
    assert (tmp_path / "empty" / "train").is_dir()
    assert (tmp_path / "new" / "deep" / "set" / "train").is_dir()


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setitem(LAYOUTS, "folder", replace(LAYOUTS["folder"], describe=fails))
    with pytest.raises(OSError, match="disk full"):
        synthesize(tmp_path / "set", 2, 4, size=64)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_is_refused_and_unchanged(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(SettingError) as refusal:
        synthesize(tmp_path, 2, 4, size=64)
    assert str(refusal.value) == (f"the folder {tmp_path} is not empty (1 entry): choose a new or empty folder")
    assert (tmp_path / "notes.txt").read_text() == "mine"
    with pytest.raises(SettingError, match=r"notes\.txt is a file: choose a new or empty folder$"):
        synthesize(tmp_path / "notes.txt", 2, 4, size=64)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"layout": "cup"},
            "unknown layout 'cup': did you mean 'cub'? (known: aircraft, cars, csv, cub, flowers, folder, nested)",
        ),
        ({"size": 32}, "expected a size of 64 to 1024 pixels, got 32: choose a size in that range"),
        ({"per_class": 1}, "expected at least one picture of a species in every split, got 1 pictures: choose more"),
        (
            {"test_fraction": 1.0},
            "expected fractions of at least 0 that leave something to train on, got val_fraction 0.0 and "
            "test_fraction 1.0: choose smaller ones",
        ),
        (
            {"layout": "cub", "val_fraction": 0.2},
            "expected no validation split in the layout 'cub', got a val_fraction of 0.2: leave it out, or choose "
            "another layout",
        ),
        (
            {"layout": "flowers", "num_classes": 103},
            "expected at most 102 species in the layout 'flowers', got 103: choose fewer, or another layout",
        ),
        ({"seed": -1}, "expected a seed of at least 0, got -1: choose another"),
        ({"workers": 0}, "expected at least one worker, got 0: leave it out for one on each core"),
        ({"num_classes": 1}, "expected 2 to 400 species, got 1: choose a number of classes in that range"),
    ],
)
def test_invalid_settings_are_refused(tmp_path: Path, settings: dict[str, object], text: str) -> None:
    with pytest.raises(SettingError) as refusal:
        synthesize(tmp_path / "set", **settings)  # type: ignore[arg-type]
    assert str(refusal.value) == text
    assert list(tmp_path.iterdir()) == []


def test_field_marks_match_the_species(small: Path) -> None:
    species, truth = species_list(4, seed=3), read_field_marks(small)
    assert truth.classes == tuple(one.name for one in species)
    assert truth.marks == {one.name: dict(one.marks) for one in species}
    for first in species:
        for second in species:
            if first is not second:
                assert truth.separating_parts(first.name, second.name) == separating_parts(first, second)
    photos = {str(path.relative_to(small)) for path in small.rglob("*.jpg")}
    assert set(truth.part_boxes) == photos
    assert all(set(boxes) <= set(PARTS) for boxes in truth.part_boxes.values())
    assert any(len(boxes) == len(PARTS) for boxes in truth.part_boxes.values())
    pairs = json.loads((small / "field_marks.json").read_text())["pairs"]
    genus = {one.name: one.genus for one in species}
    assert all(pair["look_alikes"] == (genus[pair["first"]] == genus[pair["second"]]) for pair in pairs)


def test_field_marks_of_no_pair_are_refused(small: Path) -> None:
    truth = read_field_marks(small)
    name = truth.classes[0]
    with pytest.raises(DataError, match=f"^expected two different species of this set, got '{name}' and '{name}'"):
        truth.separating_parts(name, name)


def test_missing_or_damaged_field_marks_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError) as missing:
        read_field_marks(tmp_path)
    assert str(missing.value) == (
        f"expected field_marks.json in {tmp_path}, found none: give the root of a set drawn by `fieldmark synth`"
    )
    (tmp_path / "field_marks.json").write_text("{}")
    with pytest.raises(DataError, match=r"draw it again$"):
        read_field_marks(tmp_path)
