"""Stanford Dogs: against its true lists, and tiny VOC XML files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from fieldmark.data.read import read
from fieldmark.data.readers import stanford_dogs
from fieldmark.errors import DataError
from fieldmark.structures import RecordList


@pytest.fixture(scope="module")
def dogs(annotations: Path) -> RecordList:
    return read(annotations / "stanford_dogs_lists", require_files=False)


def test_official_sizes(dogs: RecordList, annotations: Path) -> None:
    assert dogs.name == "stanford_dogs"
    assert Counter(record.split for record in dogs) == {"train": 12_000, "test": 8580}
    assert len(dogs.classes) == len(set(dogs.classes)) == 120
    assert set(Counter(dogs.of_split("train").labels).values()) == {100}
    full = loadmat(annotations / "stanford_dogs_lists/file_list.mat", squeeze_me=True)
    known = dict(zip(full["file_list"], full["labels"].tolist(), strict=True))
    assert {"/".join(record.path.parts[-2:]): record.label + 1 for record in dogs} == known


def test_breeds_are_readable(dogs: RecordList) -> None:
    assert dogs.classes[0] == "Chihuahua"
    assert dogs.classes[-1] == "African hunting dog"
    assert "soft-coated wheaten terrier" in dogs.classes


def _xml(*boxes: tuple[int, int, int, int]) -> str:
    corners = ("xmin", "ymin", "xmax", "ymax")
    objects = "".join(
        "<object><name>Pug</name><bndbox>"
        + "".join(f"<{name}>{value}</{name}>" for name, value in zip(corners, box, strict=True))
        + "</bndbox></object>"
        for box in boxes
    )
    return f"<annotation><folder>1</folder><filename>n1_1</filename>{objects}</annotation>"


def _lists(root: Path) -> Path:
    (root / "lists").mkdir()
    rows = {"train": ["n1-Pug/n1_1", "n2-toy_poodle/n2_1"], "test": ["n1-Pug/n1_2"]}
    for split, ids in rows.items():
        content = {
            "file_list": np.array([[f"{name}.jpg"] for name in ids], dtype=object),
            "annotation_list": np.array([[name] for name in ids], dtype=object),
            "labels": np.array([[int(name[1])] for name in ids]),
        }
        savemat(root / "lists" / f"{split}_list.mat", content)
    return root


def test_boxes_of_the_largest_dog(write: Callable[..., Path]) -> None:
    files = {
        "Annotation/n1-Pug/n1_1": _xml((0, 0, 10, 10), (5, 5, 60, 70)),
        "Annotation/n2-toy_poodle/n2_1": _xml(),
    }
    records = read(_lists(write(files, ["Images/n1-Pug/n1_1.jpg"])))
    assert records.classes == ("Pug", "toy poodle")
    assert [(record.label, record.split, record.box) for record in records] == [
        (0, "train", (5.0, 5.0, 60.0, 70.0)),
        (1, "train", None),
        (0, "test", None),
    ]


def test_lists_of_unequal_length_are_one_sentence(write: Callable[..., Path]) -> None:
    root = _lists(write())
    content = loadmat(root / "lists/train_list.mat")
    kept = {name: content[name] for name in ("file_list", "annotation_list")}
    savemat(root / "lists/train_list.mat", {**kept, "labels": [[1], [2], [3]]})
    with pytest.raises(DataError, match=r"expected lists of one length in .*train_list.mat, found 2 photos"):
        stanford_dogs.read(root)
