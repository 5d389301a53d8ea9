"""Crops of boxes: the right pixels, one group for each photo, and the table that reads them again."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fieldmark.data.crop_boxes import crop_boxes, largest_box_of_each_photo
from fieldmark.data.read import read
from fieldmark.errors import DataError, SettingError
from fieldmark.structures import Record, RecordList

COLOURS = {"red": (200, 30, 30), "blue": (30, 30, 200)}


@pytest.fixture
def coco(tmp_path: Path) -> Path:
    """Two grey photos with a red and a blue square each, and a photo that cannot be read."""
    root = tmp_path / "coco"
    (root / "train").mkdir(parents=True)
    rows = []
    for image in (1, 2):
        photo = Image.new("RGB", (120, 80), "grey")
        photo.paste(COLOURS["red"], (10, 10, 40, 40))
        photo.paste(COLOURS["blue"], (60, 20, 110, 70))
        photo.save(root / "train" / f"{image}.png")
        rows += [(image, 1, [10, 10, 30, 30]), (image, 2, [60, 20, 50, 50]), (image, 2, [0, 0, 9, 30])]
    (root / "train" / "3.png").write_bytes(b"no photo")
    rows.append((3, 1, [0, 0, 50, 50]))
    content = {
        "images": [{"id": n, "file_name": f"{n}.png"} for n in (1, 2, 3)],
        "annotations": [{"image_id": i, "category_id": c, "bbox": box} for i, c, box in rows],
        "categories": [{"id": 1, "name": "red"}, {"id": 2, "name": "blue"}],
    }
    (root / "train" / "_annotations.coco.json").write_text(json.dumps(content))
    return root


def test_the_command_makes_a_data_set_of_crops(command: Callable[..., Any], coco: Path, tmp_path: Path) -> None:
    out = tmp_path / "crops"
    done = command("crop", coco, "--out", out, "--margin", "0", "--min-side", "10")
    assert done.code == 1  # one photo cannot be read
    assert "4 crops of 2 classes in" in done.err
    assert "left out 2 boxes with a side below 10 pixels; --min-side changes the limit" in done.err
    assert "3.png is not an image" in done.err.replace("\n", " ")
    records = read(out)
    assert (records.name, len(records), records.classes) == ("csv", 4, ("blue", "red"))
    assert {record.group for record in records} == {"train/1.png", "train/2.png"}
    for record in records:
        assert record.split == "train"
        assert record.box is None  # the crop is the object
        label = records.classes[record.label]
        with Image.open(record.path) as crop:
            assert crop.size == ((30, 30) if label == "red" else (50, 50))
            assert np.abs(np.asarray(crop, dtype=int) - COLOURS[label]).max() < 6
    with (out / "labels.csv").open(newline="") as file:
        assert [line["source_box"] for line in csv.DictReader(file)] == ["10 10 40 40", "60 20 110 70"] * 2


def test_the_largest_box_of_each_photo(command: Callable[..., Any], coco: Path, tmp_path: Path) -> None:
    (coco / "train" / "3.png").unlink()
    Image.new("RGB", (60, 60), "red").save(coco / "train" / "3.png")
    done = command("crop", coco, "--out", tmp_path / "crops", "--boxes", "largest", "--margin", "0.1")
    assert done.code == 0
    sizes = []
    for record in read(tmp_path / "crops"):
        with Image.open(record.path) as crop:
            sizes.append(crop.size)
    assert sizes == [(60, 60), (60, 60), (55, 55)]  # 5 pixels on each side where the photo has them


def test_a_failed_crop_leaves_no_folder(tmp_path: Path) -> None:
    records = RecordList([Record(tmp_path / "gone.jpg", 0, box=(0, 0, 9, 9))], ["a", "b"], root=tmp_path)
    with pytest.raises(DataError, match=r"^no box of .* could be cropped: .*gone\.jpg"):
        crop_boxes(records, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    without = RecordList([Record(tmp_path / "a.jpg", 0)], ["a", "b"], root=tmp_path)
    with pytest.raises(DataError) as caught:
        crop_boxes(without, tmp_path / "out")
    assert str(caught.value) == f"none of the 1 records of {tmp_path} has a box: name data with boxes"
    with pytest.raises(SettingError, match="the margin must be 0 or more and the shortest side 1 or more, but got -1"):
        crop_boxes(records, tmp_path / "out", margin=-1)


boxes = st.one_of(st.none(), st.tuples(*[st.integers(0, 9)] * 2, *[st.integers(10, 20)] * 2))
rows = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2), boxes))


@given(rows)
def test_one_box_stays_for_each_photo(found: list[tuple[str, int, Any]]) -> None:
    records = RecordList([Record(Path(name), label, box=box) for name, label, box in found], "xyz")
    kept, mixed = largest_box_of_each_photo(records)

    def area(record: Record) -> float:
        assert record.box is not None
        return (record.box[2] - record.box[0]) * (record.box[3] - record.box[1])

    for name in "abc":
        own = [record for record in records if record.path.name == name and record.box]
        left = {record.box for record in kept if record.path.name == name and record.box}
        assert len(left) == bool(own)
        assert {area(record) for record in kept if record.path.name == name and record.box} == (
            {max(map(area, own))} if own else set()
        )
    assert [record for record in kept if record.box is None] == [record for record in records if record.box is None]
    assert mixed == sum(len({r.label for r in records if r.box and r.path.name == name}) > 1 for name in "abc")
    assert largest_box_of_each_photo(kept)[0] == kept
