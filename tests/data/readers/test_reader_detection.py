"""COCO, Pascal VOC and YOLO: small files in the true formats with known values."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fieldmark.data.read import read
from fieldmark.data.readers.yolo import _box
from fieldmark.errors import DataError
from fieldmark.structures import RecordList

Write = Callable[..., Path]


def _coco(images: dict[int, str], rows: list[tuple[Any, ...]], categories: dict[int, str] | None = None) -> str:
    names = categories or {3: "gull", 7: "tern"}
    return json.dumps(
        {
            "info": {},
            "images": [{"id": i, "file_name": name, "width": 64, "height": 48} for i, name in images.items()],
            "annotations": [
                {"id": n, "image_id": i, "category_id": c, "bbox": box, "iscrowd": crowd}
                for n, (i, c, box, crowd) in enumerate(rows)
            ],
            "categories": [{"id": i, "name": name, "supercategory": "bird"} for i, name in names.items()],
        }
    )


def _rows(records: RecordList) -> list[tuple[Any, ...]]:
    return [
        (
            record.path.relative_to(records.root or "/").as_posix(),
            records.classes[record.label],
            record.split,
            record.box,
        )
        for record in records
    ]


def test_coco_joins_by_id_and_leaves_out_crowds_and_flat_boxes(write: Write) -> None:
    train = _coco(
        {10: "b.jpg", 2: "a.jpg", 5: "none.jpg"},
        [(2, 7, [1, 2, 30, 20.5], 0), (10, 3, [0, 0, 9, 9], 0), (2, 3, [5, 5, 8, 8], 0), (2, 3, [0, 0, 60, 40], 1),
         (10, 7, [3, 3, 0, 4], 0)],
    )  # fmt: skip
    val = _coco({2: "c.jpg"}, [(2, 1, [0, 1, 2, 3], 0)], {1: "tern"})  # other ids for the same names
    root = write(
        {"annotations/instances_train2017.json": train, "annotations/instances_val2017.json": val,
         "annotations/captions_train2017.json": "{}"},
        ["train2017/a.jpg", "train2017/b.jpg", "val2017/c.jpg"],
    )  # fmt: skip
    records = read(root, boxes="each")
    assert (records.name, records.classes, records.ranks) == ("coco", ("gull", "tern"), ())
    assert _rows(records) == [
        ("train2017/a.jpg", "tern", "train", (1, 2, 31, 22.5)),
        ("train2017/b.jpg", "gull", "train", (0, 0, 9, 9)),
        ("train2017/a.jpg", "gull", "train", (5, 5, 13, 13)),
        ("val2017/c.jpg", "tern", "val", (0, 1, 2, 4)),
    ]
    assert [(note.code, note.count, note.examples) for note in records.notes] == [
        ("crowds", 1, ("a.jpg",)),
        ("empty_boxes", 1, ("b.jpg",)),
        ("photos_without_boxes", 1, ("none.jpg",)),
    ]


def test_only_the_largest_box_of_a_photo_counts_for_whole_photos(write: Write) -> None:
    content = _coco(
        {1: "a.jpg", 2: "b.jpg"}, [(1, 3, [0, 0, 5, 5], 0), (1, 7, [0, 0, 9, 9], 0), (2, 3, [0, 0, 1, 1], 0)]
    )
    records = read(write({"train/_annotations.coco.json": content}, ["train/a.jpg", "train/b.jpg"]))
    assert _rows(records) == [
        ("train/a.jpg", "tern", "train", (0, 0, 9, 9)),
        ("train/b.jpg", "gull", "train", (0, 0, 1, 1)),
    ]
    (note,) = records.notes
    assert (note.code, note.severity, note.count) == ("several_boxes", "warning", 1)
    assert note.message == (
        "only the largest box of each photo counts: left out 1 boxes; 1 photos show objects of several classes"
    )


def test_coco_of_one_file_and_supercategories(write: Write) -> None:
    content = json.loads(
        _coco({1: "a.jpg"}, [(1, n, [0, 0, n, n], 0) for n in (1, 2, 3)], {1: "gull", 2: "tern", 3: "oak"})
    )
    content["categories"][2]["supercategory"] = "tree"
    records = read(write({"result.json": json.dumps(content)}, ["images/a.jpg"]), boxes="each")
    assert [(record.taxonomy, record.split) for record in records] == [
        (("bird",), None),
        (("bird",), None),
        (("tree",), None),
    ]
    assert records.ranks == ("supercategory",)


def test_only_val_is_split_anew(write: Write) -> None:
    content = _coco({1: "a.jpg"}, [(1, 3, [0, 0, 5, 5], 0), (1, 7, [0, 0, 9, 9], 0)])
    records = read(write({"instances_val2017.json": content}, ["val2017/a.jpg"]), boxes="each")
    assert {record.split for record in records} == {None}
    assert records.notes[0].message == "there is no train split, only val: the photos are split anew"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (_coco({1: "a.jpg"}, [(2, 3, [0, 0, 1, 1], 0)]), "expected an entry for id 2 in {path}, found none: the files "
         "do not belong together"),
        ('{"images": [', "expected JSON in {path}, found Expecting value: line 1 column 13 (char 12): export it again"),
        ('{"images": [{"id": 1}]}', "expected images with id and file_name, annotations with image_id, category_id and "
         "bbox, and categories with id and name in {path}, found another form: export it again"),
    ],
)  # fmt: skip
def test_damaged_coco(content: str, sentence: str, write: Write) -> None:
    root = write({"annotations/instances_train.json": content})
    with pytest.raises(DataError) as caught:
        read(root)
    assert str(caught.value) == sentence.format(path=root / "annotations" / "instances_train.json")


def _voc(name: str, *objects: tuple[str, tuple[float, ...], int]) -> str:
    corners = ("xmin", "ymin", "xmax", "ymax")
    parts = [
        f"<object><name>{label}</name><difficult>{hard}</difficult><part><name>head</name><bndbox><xmin>1</xmin></bndbox>"
        "</part><bndbox>" + "".join(f"<{c}>{v}</{c}>" for c, v in zip(corners, box, strict=True)) + "</bndbox></object>"
        for label, box, hard in objects
    ]
    return f"<annotation><filename>{name}</filename>{''.join(parts)}</annotation>"


def test_voc_counts_from_one_and_leaves_out_difficult_objects(write: Write) -> None:
    root = write(
        {
            "Annotations/1.xml": _voc(
                "1.jpg", ("tern", (1, 1, 10, 20), 0), ("gull", (3, 4, 3, 4), 0), ("gull", (5, 5, 9, 9), 1)
            ),
            "Annotations/2.xml": _voc("2.jpg", ("gull", (2.5, 2, 10, 10), 0)),
            "Annotations/3.xml": _voc("3.jpg"),
            "Annotations/4.xml": _voc("4.jpg", ("tern", (1, 1, 2, 2), 0)),
            "ImageSets/Main/train.txt": "1\n3\n",
            "ImageSets/Main/trainval.txt": "1\n2\n3\n",
            "ImageSets/Main/val.txt": "2\n",
            "ImageSets/Main/gull_train.txt": "4 -1\n",
        },
        ["JPEGImages/1.jpg", "JPEGImages/2.jpg"],
    )
    records = read(root, boxes="each")
    assert records.name == "pascal_voc"
    assert _rows(records) == [
        ("JPEGImages/1.jpg", "tern", "train", (0, 0, 10, 20)),
        ("JPEGImages/1.jpg", "gull", "train", (2, 3, 3, 4)),  # one pixel
        ("JPEGImages/2.jpg", "gull", "val", (1.5, 1, 10, 10)),
    ]
    assert [(note.code, note.examples) for note in records.notes] == [
        ("difficult", ("1",)),
        ("photos_without_boxes", ("3",)),
        ("unlisted", ("4",)),
    ]


def test_voc_beside_the_photos_in_folders_of_splits(write: Write) -> None:
    root = write(
        {
            "train/a.xml": _voc("a.jpg", ("gull", (1, 1, 4, 4), 0)),
            "valid/b.xml": _voc("x/b.png", ("tern", (1, 1, 4, 4), 0)),
        },
        ["train/a.jpg", "valid/b.png"],
    )
    assert [row[:3] for row in _rows(read(root))] == [("train/a.jpg", "gull", "train"), ("valid/b.png", "tern", "val")]


def test_damaged_voc(write: Write) -> None:
    root = write({"Annotations/1.xml": _voc("1.jpg", ("tern", (1, 1, 10, 20), 0)), "Annotations/2.xml": "<annotation>"})
    with pytest.raises(
        DataError, match=r"^expected VOC XML in .*2\.xml, found no element found: line 1, column 12: export"
    ):
        read(root)
    write({"Annotations/2.xml": _voc("2.jpg", ("", (1, 1, 2, 2), 0))})
    with pytest.raises(DataError) as caught:
        read(root)
    path = root / "Annotations" / "2.xml"
    assert (
        str(caught.value)
        == f"expected a name and four corners for each object in {path}, found one without: correct it"
    )


def _photo(path: Path, size: tuple[int, int] = (200, 100), orientation: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", size, "grey").save(path, exif=exif)


def test_yolo_scales_to_the_upright_photo(write: Write) -> None:
    yaml = (
        "path: /elsewhere/birds\ntrain: ../train/images\nval: valid/images\nnc: 3\nnames: {0: gull, 1: tern, 2: auk}\n"
    )
    root = write(
        {
            "data.yaml": yaml,
            "train/labels/a.txt": "1 0.5 0.5 0.5 0.2\n0 0.1 0.1 0.1 0.2\n",
            "train/labels/turned.txt": "1 0.5 0.5 0.5 0.2\n",
            "train/labels/empty.txt": "\n",
            "valid/labels/b.txt": "0 0.1 0.1 0.9 0.1 0.5 0.8\n",  # a polygon
        }
    )
    for name in ("train/images/a.jpg", "train/images/empty.jpg", "train/images/unlabelled.jpg", "valid/images/b.jpg"):
        _photo(root / name)
    _photo(root / "train/images/turned.jpg", orientation=6)
    (root / "train/images/broken.jpg").write_bytes(b"no photo")
    (root / "train/labels/broken.txt").write_text("0 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.2 0.2\n")
    records = read(root, boxes="each")
    assert (records.name, records.classes) == ("yolo", ("gull", "tern"))
    found = {}
    for path, label, split, box in _rows(records):
        found[path, label] = (split, None if box is None else tuple(round(edge, 6) for edge in box))
    assert found == {
        ("train/images/a.jpg", "tern"): ("train", (50, 40, 150, 60)),
        ("train/images/a.jpg", "gull"): ("train", (10, 0, 30, 20)),
        ("train/images/turned.jpg", "tern"): ("train", (25, 80, 75, 120)),  # 100 x 200 upright
        ("train/images/broken.jpg", "tern"): ("train", None),
        ("valid/images/b.jpg", "gull"): ("val", (20, 10, 180, 80)),
    }
    assert [(note.code, note.examples) for note in records.notes] == [
        ("photos_without_boxes", ("empty.jpg", "unlabelled.jpg"))
    ]


def test_yolo_with_classes_txt(write: Write) -> None:
    root = write(
        {"classes.txt": "gull\ntern\n", "labels/train/a.txt": "0 .5 .5 1 1\n", "labels/test/b.txt": "1 .5 .5 1 1\n"}
    )
    _photo(root / "images/train/a.jpg")
    _photo(root / "images/test/b.jpg")
    assert sorted(row[:3] for row in _rows(read(root))) == [
        ("images/test/b.jpg", "tern", "test"),
        ("images/train/a.jpg", "gull", "train"),
    ]
    beside = write({"classes.txt": "gull\ntern\n", "a.txt": "0 .5 .5 1 1\n", "b.txt": "1 .5 .5 1 1\n"}, folder="beside")
    _photo(beside / "a.jpg")
    _photo(beside / "b.png")
    assert [row[1:] for row in _rows(read(beside))] == [
        ("gull", None, (0, 0, 200, 100)),
        ("tern", None, (0, 0, 200, 100)),
    ]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "0 10 20 5 5",
            "expected shares between 0 and 1 in line 1 of {path}, found others: divide by the photo's size",
        ),
        ("9 .5 .5 .1 .1", "class 9 in line 1 of {path} has no name: the names end at 1"),
        ("0 .5 .5 .1", "expected a class and 4 numbers, or a polygon, in line 1 of {path}, found 4: correct it"),
        ("gull .5 .5 .1 .1", "expected numbers in line 1 of {path}, found 'gull .5 .5 .1 .1': correct it"),
        (
            "0 nan .5 .1 .1",
            "expected shares between 0 and 1 in line 1 of {path}, found others: divide by the photo's size",
        ),
    ],
)
def test_damaged_yolo(line: str, sentence: str, write: Write) -> None:
    root = write({"classes.txt": "gull\ntern\n", "a.txt": line}, ["a.jpg"])
    with pytest.raises(DataError) as caught:
        read(root)
    assert str(caught.value) == sentence.format(path=root / "a.txt")


@given(st.tuples(*[st.floats(0, 1)] * 4))
def test_a_normalised_box_comes_back(corners: tuple[float, float, float, float]) -> None:
    (x1, x2), (y1, y2) = sorted(corners[:2]), sorted(corners[2:])
    written = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
    assert _box(written) == pytest.approx((x1, y1, x2, y2), abs=1e-12)
    assert _box([x1, y1, x2, y1, x2, y2, x1, y2]) == (x1, y1, x2, y2)


def test_inaturalist_keeps_its_own_files(write: Write) -> None:
    plain = json.loads(_coco({1: "a.jpg", 2: "b.jpg"}, [(1, 3, [0, 0, 1, 1], 0), (2, 7, [0, 0, 1, 1], 0)]))
    boxes = json.dumps(plain)
    for row in plain["annotations"]:
        del row["bbox"]
    root = write({"train2017.json": json.dumps(plain), "train_2017_bboxes.json": boxes}, ["a.jpg", "b.jpg"])
    assert read(root).name == "inaturalist"
