"""Folders of class folders: plain, split, nested, and everything that people mix in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fieldmark.data.read import read
from fieldmark.errors import DataError
from fieldmark.structures import RecordList


def _rows(records: RecordList) -> list[tuple[str, str, str | None]]:
    return [(record.path.name, records.classes[record.label], record.split) for record in records]


def test_class_folders(write: Callable[..., Path]) -> None:
    photos = ["gull/2.JPG", "gull/1.webp", "Arctic tern/3.tiff"]
    others = {
        "gull/notes.txt": "",
        "readme.md": "",
        ".cache/x/4.jpg": "",
        "gull/.5.jpg": "",
        "empty/labels.json": "",
    }
    records = read(write(others, photos))
    assert (records.name, records.ranks) == ("image_folder", ())
    assert records.classes == ("Arctic tern", "gull")
    assert _rows(records) == [
        ("3.tiff", "Arctic tern", None),
        ("1.webp", "gull", None),
        ("2.JPG", "gull", None),
    ]


@pytest.mark.parametrize("val", ["val", "valid", "validation", "Dev"])
def test_split_folders(write: Callable[..., Path], val: str) -> None:
    photos = ["test/gull/3.jpg", f"{val}/tern/2.jpg", "train/gull/1.jpg", "train/tern/4.jpg"]
    assert _rows(read(write(photos=photos))) == [
        ("1.jpg", "gull", "train"),
        ("4.jpg", "tern", "train"),
        ("2.jpg", "tern", "val"),
        ("3.jpg", "gull", "test"),
    ]


def test_test_folder_alone(write: Callable[..., Path]) -> None:
    records = read(write(photos=["test/gull/1.jpg", "test/tern/2.jpg"]))
    assert [record.split for record in records] == ["test", "test"]


def test_nested_folders_are_the_taxonomy(write: Callable[..., Path]) -> None:
    photos = [
        "train/Laridae/Larus/canus/1.jpg",
        "train/Laridae/Sterna/hirundo/2.jpg",
        "test/Paridae/Parus/major/3.jpg",
        "train/Paridae/Parus/major/4.jpg",
    ]
    records = read(write(photos=photos))
    assert records.ranks == ("level_1", "level_2")
    assert records.classes == ("canus", "hirundo", "major")
    assert [(record.taxonomy, record.split) for record in records] == [
        (("Laridae", "Larus"), "train"),
        (("Laridae", "Sterna"), "train"),
        (("Paridae", "Parus"), "train"),
        (("Paridae", "Parus"), "test"),
    ]


def test_one_epithet_in_two_genera_gives_two_classes(write: Callable[..., Path]) -> None:
    photos = ["Parus/major/1.jpg", "Dendrocopos/major/2.jpg", "Parus/ater/3.jpg"]
    records = read(write(photos=photos))
    assert records.classes == ("Dendrocopos/major", "Parus/major", "ater")
    assert {record.path.parent.parent.name for record in records if records.classes[record.label] == "ater"} == {
        "Parus"
    }


def test_wrapping_folders_are_passed_through(write: Callable[..., Path]) -> None:
    photos = ["archive/data/gull/1.jpg", "archive/data/tern/2.jpg"]
    assert read(write({"archive/readme.txt": ""}, photos)).classes == ("gull", "tern")
    photos = ["archive/train/gull/1.jpg", "archive/test/tern/2.jpg"]
    assert [r.split for r in read(write(photos=photos, folder="split"))] == ["train", "test"]
    photos = ["train/images/gull/1.jpg", "test/images/tern/2.jpg"]
    below = read(write(photos=photos, folder="below"))
    assert (below.classes, below.ranks) == (("gull", "tern"), ())


def test_classes_named_as_a_split(write: Callable[..., Path]) -> None:
    """A train is a vehicle, too."""
    records = read(write(photos=["car/1.jpg", "plane/2.jpg", "train/3.jpg"]))
    assert records.classes == ("car", "plane", "train")
    assert {record.split for record in records} == {None}


def test_unlabelled_photos_are_left_out_and_said(write: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    root = write(photos=["train/gull/1.jpg", "train/tern/2.jpg", "test/3.jpg", "test/4.jpg"])
    assert len(read(root)) == 2
    assert caplog.messages == [f"left out 2 photos directly in {root / 'test'}: they have no class folder"]


def test_mixed_depth_is_one_sentence(write: Callable[..., Path]) -> None:
    root = write(photos=["tit/Parus/major/1.jpg", "tit/2.jpg", "gull/3.jpg"], folder="inside")
    with pytest.raises(DataError) as caught:
        read(root)
    assert str(caught.value) == (
        f"expected every class folder at one depth in {root}, found photos in 'tit' and in 'tit/Parus': "
        "move them to one depth"
    )
    root = write(photos=["tit/major/1.jpg", "gull/3.jpg"], folder="beside")
    with pytest.raises(DataError, match=r"found photos in 'gull' and in 'tit/major': move them to one depth"):
        read(root)


def test_splits_beside_classes_are_one_sentence(write: Callable[..., Path]) -> None:
    root = write(photos=["train/gull/1.jpg", "train/tern/2.jpg", "extras/3.jpg"])
    with pytest.raises(DataError) as caught:
        read(root)
    assert str(caught.value) == (
        f"expected only train, val and test, or only class folders, in {root}, found 'train' with class "
        "folders beside 'extras': move one of them out"
    )


def test_no_photos_is_one_sentence(write: Callable[..., Path]) -> None:
    root = write({"gull/notes.txt": "", "tern/notes.txt": ""})
    with pytest.raises(DataError) as caught:
        read(root)
    assert str(caught.value) == (
        f"expected photos in class folders in {root}, found no photo: give the folder that holds them"
    )


@pytest.mark.parametrize("photos", [["1.jpg", "2.jpg"], ["train/1.jpg", "test/2.jpg"]])
def test_photos_without_class_folders_are_one_sentence(write: Callable[..., Path], photos: list[str]) -> None:
    root = write(photos=photos)
    with pytest.raises(DataError) as caught:
        read(root)
    assert str(caught.value) == (
        f"expected a folder for each class in {root}, found photos outside of any: "
        "move each into the folder of its class"
    )


names = st.text(st.sampled_from("aäBz_ -'(.)"), min_size=1, max_size=6).filter(
    lambda name: not name.startswith(".") and name.strip(". ") == name and name.lower() != "val"
)


@given(st.dictionaries(names, st.integers(1, 3), min_size=2, max_size=4))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_class_names_come_back(tmp_path_factory: pytest.TempPathFactory, counts: dict[str, int]) -> None:
    root = tmp_path_factory.mktemp("set")
    for name, count in counts.items():
        (root / name).mkdir()
        for index in range(count):
            (root / name / f"{index}.jpg").touch()
    records = read(root)
    assert records.classes == tuple(sorted(counts))
    assert [records.labels.count(label) for label in range(len(counts))] == [counts[n] for n in records.classes]
    assert all(record.path.parent.name == records.classes[record.label] for record in records)
