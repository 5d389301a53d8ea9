"""FGVC-Aircraft: against its true variant lists, and tiny files with families, manufacturers and boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from fieldmark.data.read import read
from fieldmark.data.readers import fgvc_aircraft
from fieldmark.errors import DataError, SettingError
from fieldmark.structures import RecordList


@pytest.fixture(scope="module")
def aircraft(annotations: Path) -> RecordList:
    return read(annotations / "fgvc_aircraft_reconstructed", require_files=False)


def test_official_sizes(aircraft: RecordList) -> None:
    assert aircraft.name == "fgvc_aircraft"
    assert Counter(record.split for record in aircraft) == {"train": 3334, "val": 3333, "test": 3333}
    assert len({record.path for record in aircraft}) == 10_000
    assert set(aircraft.labels) == set(range(100))


def test_classes_in_the_order_of_the_official_list(aircraft: RecordList, annotations: Path) -> None:
    listed = (annotations / "fgvc_aircraft_reconstructed/data/variants.txt").read_text().splitlines()
    assert list(aircraft.classes) == listed
    assert {"BAE 146-200", "F-16A/B", "F/A-18", "Eurofighter Typhoon"} <= set(aircraft.classes)


def test_every_line_of_the_lists_is_a_record(aircraft: RecordList, annotations: Path) -> None:
    data = annotations / "fgvc_aircraft_reconstructed/data"
    for split in ("train", "val", "test"):
        lines = (data / f"images_variant_{split}.txt").read_text().splitlines()
        records = aircraft.of_split(split)  # type: ignore[arg-type]
        assert [f"{r.path.stem} {aircraft.classes[r.label]}" for r in records] == lines


def test_banner_is_recorded(aircraft: RecordList) -> None:
    assert {record.trim_bottom for record in aircraft} == {20}


def test_no_ranks_without_their_lists(aircraft: RecordList) -> None:
    assert aircraft.ranks == ()


ROWS = {
    "0000001": ("train", "Boeing", "Boeing 737", "737-200"),
    "0000002": ("val", "Boeing", "Boeing 737", "737-300"),
    "0000003": ("test", "BAE", "BAE 146", "BAE 146-200"),
    "0000004": ("test", "Boeing", "Boeing 737", "737-200"),
}


def _files() -> dict[str, str]:
    files = {
        f"data/images_{level}_{split}.txt": "".join(
            f"{image} {row[place]}\n" for image, row in ROWS.items() if row[0] == split
        )
        for place, level in enumerate(("manufacturer", "family", "variant"), start=1)
        for split in ("train", "val", "test")
    }
    boxes = "".join(f"{image} 1 11 100 60\n" for image in ROWS)
    variants = "737-200\n737-300\n757-200\nBAE 146-200\n"
    return files | {"data/images_box.txt": boxes, "data/variants.txt": variants}


def test_taxonomy_and_boxes(write: Callable[..., Path]) -> None:
    records = read(write(_files(), [f"data/images/{image}.jpg" for image in ROWS]))
    assert records.ranks == ("manufacturer", "family")
    assert records.classes == ("737-200", "737-300", "BAE 146-200")
    for record in records:
        split, manufacturer, family, variant = ROWS[record.path.stem]
        assert (record.split, record.taxonomy) == (split, (manufacturer, family))
        assert records.classes[record.label] == variant
        assert record.box == (0.0, 10.0, 100.0, 60.0)
        assert record.path.is_file()


def test_the_level_is_selectable(write: Callable[..., Path]) -> None:
    root = write(_files())
    families = fgvc_aircraft.read(root, level="family")
    assert (families.classes, families.ranks) == (("BAE 146", "Boeing 737"), ("manufacturer",))
    makers = fgvc_aircraft.read(root / "data", level="manufacturer")
    assert (makers.classes, makers.ranks) == (("BAE", "Boeing"), ())


def test_unknown_level_is_one_sentence(write: Callable[..., Path]) -> None:
    with pytest.raises(SettingError) as caught:
        fgvc_aircraft.read(write(_files()), level="varient")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "unknown level 'varient': did you mean 'variant'? (known: family, manufacturer, variant)"
    )


def test_trainval_stands_in_for_train(write: Callable[..., Path]) -> None:
    lists = {"images_variant_trainval.txt": "1 A 1\n2 B 2\n", "images_variant_test.txt": "3 A 1\n"}
    records = fgvc_aircraft.read(write(lists))
    assert Counter(record.split for record in records) == {"train": 2, "test": 1}


def test_photo_without_family_is_one_sentence(write: Callable[..., Path]) -> None:
    root = write(_files() | {"data/images_family_val.txt": ""})
    with pytest.raises(DataError, match=r"expected an entry for id 0000002 in .*images_family_val\.txt, found none"):
        fgvc_aircraft.read(root)
