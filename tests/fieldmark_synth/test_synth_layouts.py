"""Round trips: a set that is written in a layout and read again is the same."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldmark.data.read import read
from fieldmark.structures import Record, RecordList
from fieldmark_synth import LAYOUTS, PARTS, synthesize

CLASSES, PER_CLASS, SIZE = 6, 5, 64
READ_AS = {
    "folder": "image_folder",
    "nested": "image_folder",
    "cub": "cub200_2011",
    "cars": "stanford_cars",
    "aircraft": "fgvc_aircraft",
    "flowers": "oxford_flowers102",
    "csv": "csv",
}


@pytest.fixture(scope="module", params=LAYOUTS)
def trip(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, RecordList, RecordList]:
    root = tmp_path_factory.mktemp("synth") / request.param
    written = synthesize(root, CLASSES, PER_CLASS, request.param, seed=7, size=SIZE)
    return request.param, written, read(root)


def by_path(records: RecordList) -> dict[Path, Record]:
    return {record.path.resolve(): record for record in records}


def test_every_layout_is_recognised(trip: tuple[str, RecordList, RecordList]) -> None:
    layout, _, found = trip
    assert found.name == READ_AS[layout]


def test_photos_labels_and_splits_survive(trip: tuple[str, RecordList, RecordList]) -> None:
    layout, written, found = trip
    assert len(written) == len(found) == CLASSES * PER_CLASS
    if layout != "flowers":  # its reader knows only the names of the original flowers
        assert sorted(found.classes) == sorted(written.classes)
    again = by_path(found)
    for path, record in by_path(written).items():
        if layout != "flowers":
            assert found.classes[again[path].label] == written.classes[record.label]
        else:
            assert again[path].label == record.label
        assert again[path].split == record.split
    expected = {"train": 2, "val": 1, "test": 2} if layout in ("aircraft", "flowers") else {"train": 3, "test": 2}
    assert Counter(r.split for r in found) == {split: n * CLASSES for split, n in expected.items()}


def test_boxes_survive(trip: tuple[str, RecordList, RecordList]) -> None:
    layout, written, found = trip
    again = by_path(found)
    for path, record in by_path(written).items():
        expected = record.box if layout in ("cub", "cars", "aircraft", "csv") else None
        assert again[path].box == expected


def test_parts_survive_where_the_layout_has_them(trip: tuple[str, RecordList, RecordList]) -> None:
    layout, written, found = trip
    again = by_path(found)
    for path, record in by_path(written).items():
        assert tuple(part.name for part in record.parts) == PARTS
        assert again[path].parts == (record.parts if layout == "cub" else ())


def test_taxonomy_survives_where_the_layout_has_it(trip: tuple[str, RecordList, RecordList]) -> None:
    layout, written, found = trip
    assert written.ranks == ("family", "genus")
    ranks = {"csv": ("family", "genus"), "nested": ("level_1", "level_2"), "aircraft": ("manufacturer", "family")}
    assert found.ranks == ranks.get(layout, ())
    again = by_path(found)
    for path, record in by_path(written).items():
        assert again[path].taxonomy == (record.taxonomy if layout in ranks else ())


def test_pictures_have_the_requested_size_and_aircraft_a_banner(trip: tuple[str, RecordList, RecordList]) -> None:
    layout, written, found = trip
    banner = 20 if layout == "aircraft" else 0
    assert {record.trim_bottom for record in [*written, *found]} == {banner}
    with Image.open(written[0].path) as image:
        assert image.format == "JPEG"
        assert image.size == (SIZE, SIZE + banner)
        below = np.asarray(image)[SIZE + 4 :]
    assert below.size == 0 or np.median(below) < 60


def test_every_bird_of_the_csv_is_its_own_group(tmp_path: Path) -> None:
    synthesize(tmp_path / "set", 2, 4, "csv", size=64)
    groups = [record.group for record in read(tmp_path / "set")]
    assert len(set(groups)) == 8
    assert None not in groups
