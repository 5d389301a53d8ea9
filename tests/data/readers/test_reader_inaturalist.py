"""iNaturalist: tiny JSON files with the fields of the 2017, 2018 and 2021 editions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fieldmark.data.read import read
from fieldmark.data.readers import inaturalist
from fieldmark.errors import DataError


def _category(number: int, name: str, order: str, family: str, genus: str) -> dict[str, Any]:
    return {
        "id": number,
        "name": name,
        "common_name": "",
        "supercategory": "Birds",
        "kingdom": "Animalia",
        "phylum": "Chordata",
        "class": "Aves",
        "order": order,
        "family": family,
        "genus": genus,
        "specific_epithet": name.split()[-1],
    }


CATEGORIES = [
    _category(3, "Parus major", "Passeriformes", "Paridae", "Parus"),
    _category(7, "Larus canus", "Charadriiformes", "Laridae", "Larus"),
    _category(9, "Sterna hirundo", "Charadriiformes", "Laridae", "Sterna"),
]


def _coco(photos: dict[int, str], labels: dict[int, int], categories: list[dict[str, Any]] = CATEGORIES) -> str:
    """Annotations in reverse order: nothing may rely on the two lists being aligned."""
    images = [{"id": number, "width": 8, "height": 8, "file_name": name} for number, name in photos.items()]
    rows = [{"id": 10 + k, "image_id": k, "category_id": v} for k, v in reversed(labels.items())]
    content = {"info": {"year": 2021}, "images": images, "annotations": rows, "categories": categories}
    return json.dumps(content)


TRAIN = {1: "train/a/1.jpg", 2: "train/b/2.jpg", 3: "train/a/3.jpg"}
VAL = {1: "val/a/1.jpg", 5: "val/b/5.jpg"}


def _files(**more: str) -> dict[str, str]:
    return {"train.json": _coco(TRAIN, {1: 7, 2: 3, 3: 7}), "val.json": _coco(VAL, {1: 3, 5: 7}), **more}


def test_2021(write: Callable[..., Path]) -> None:
    records = read(write(_files(), [*TRAIN.values(), *VAL.values()]))
    assert records.name == "inaturalist"
    assert records.classes == ("Parus major", "Larus canus")
    assert records.ranks == ("kingdom", "phylum", "class", "order", "family", "genus")
    found = {"/".join(r.path.parts[-3:]): (r.label, r.split, r.taxonomy[3:]) for r in records}
    tit = ("Passeriformes", "Paridae", "Parus")
    gull = ("Charadriiformes", "Laridae", "Larus")
    assert found == {
        "train/a/1.jpg": (1, "train", gull),
        "train/b/2.jpg": (0, "train", tit),
        "train/a/3.jpg": (1, "train", gull),
        "val/a/1.jpg": (0, "val", tit),
        "val/b/5.jpg": (1, "val", gull),
    }


def test_mini_is_read_only_without_the_full_list(write: Callable[..., Path]) -> None:
    mini = _coco({1: "train_mini/a/1.jpg"}, {1: 7})
    both = inaturalist.read(write(_files(**{"train_mini.json": mini}), folder="both"))
    assert len(both.of_split("train")) == 3
    files = {"train_mini.json": mini, "val.json": _files()["val.json"]}
    alone = inaturalist.read(write(files, folder="alone"))
    assert len(alone.of_split("train")) == 1


def test_2018_takes_the_ranks_from_the_separate_categories(write: Callable[..., Path]) -> None:
    hidden = [{"id": row["id"], "name": str(row["id"]), "supercategory": "Aves"} for row in CATEGORIES]
    files = {
        "train2018.json": _coco(TRAIN, {1: 7, 2: 3, 3: 7}, hidden),
        "val2018.json": _coco(VAL, {1: 3, 5: 7}, hidden),
    }
    without = read(write(files, folder="without"), require_files=False)
    assert (without.classes, without.ranks) == (("3", "7"), ("supercategory",))
    files["categories.json"] = json.dumps(CATEGORIES)
    assert read(write(files, folder="with"), require_files=False).classes == ("Parus major", "Larus canus")


def test_2017_boxes(write: Callable[..., Path]) -> None:
    boxes = {"annotations": [{"image_id": 1, "bbox": [1, 2, 3, 4]}, {"image_id": 1, "bbox": [10, 20, 30, 40]}]}
    files = {
        "train2017.json": _coco(TRAIN, {1: 7, 2: 3, 3: 7}),
        "val2017.json": _coco(VAL, {1: 3, 5: 7}),
        "train_2017_bboxes.json": json.dumps(boxes),
    }
    records = read(write(files), require_files=False)
    boxed = {(r.split, r.path.name): r.box for r in records if r.box}
    assert boxed == {("train", "1.jpg"): (10.0, 20.0, 40.0, 60.0)}


def test_photos_without_annotation_are_left_out_and_said(
    write: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    root = write(_files(**{"train.json": _coco(TRAIN, {1: 7, 2: 3})}))
    assert len(read(root, require_files=False).of_split("train")) == 2
    assert caplog.messages == [f"left out 1 photos of {root / 'train.json'}: they have no annotation"]


def test_species_of_one_name_in_two_kingdoms_stay_apart(write: Callable[..., Path]) -> None:
    plant = CATEGORIES[0] | {"id": 7, "kingdom": "Plantae"}
    files = {"train.json": _coco(TRAIN, {1: 7, 2: 3, 3: 7}, [CATEGORIES[0], plant])}
    records = read(write(files), require_files=False)
    assert records.classes == (
        "Animalia/Chordata/Aves/Passeriformes/Paridae/Parus/Parus major",
        "Plantae/Chordata/Aves/Passeriformes/Paridae/Parus/Parus major",
    )


def test_another_json_is_not_taken_for_it(write: Callable[..., Path]) -> None:
    root = write({"train.json": '{"learning_rate": 0.1}'}, ["tern/1.jpg", "gull/2.jpg"])
    assert read(root).name == "image_folder"


def test_errors_are_one_sentence(write: Callable[..., Path]) -> None:
    root = write({"train.json": '{"images": ['}, folder="cut")
    with pytest.raises(DataError, match=r"expected JSON in .*train\.json, found .*: download it again"):
        read(root)
    root = write({"train.json": '{"images": [{"id": 1}]}'}, folder="form")
    with pytest.raises(DataError, match=r"expected images with id and file_name and annotations .* another form"):
        read(root)
    root = write({"train.json": _coco(TRAIN, {1: 4})}, folder="category")
    with pytest.raises(DataError, match=r"expected an entry for id 4 in .*category, found none"):
        read(root)
    nameless = [{"id": 3, "names": "Parus major"}]
    root = write({"train.json": _coco(TRAIN, {1: 3}, nameless)}, folder="name")
    with pytest.raises(
        DataError, match=r"expected categories with an id and a name in .*train\.json, found another form"
    ):
        read(root)
    root = write({"train.json": _coco(TRAIN, {9: 3})}, folder="image")
    with pytest.raises(DataError, match=r"expected an entry for id 9 in .*train\.json, found none"):
        read(root)
