"""Stanford Cars as found on Kaggle, with boxes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fieldmark.data.read import read
from fieldmark.errors import DataError

Write = Callable[..., Path]
NAMES = 'Acura RL 2012\n"Audi S4, 2007"\n'


def test_class_folders_get_the_boxes_of_the_lists(write: Write) -> None:
    files = {
        "anno_train.csv": "00001.jpg,39,116,569,375,1\n00002.jpg,1,1,10,20,2\n",
        "anno_test.csv": "00001.jpg,5,6,7,8,2\n",
        "names.csv": NAMES,
    }
    photos = ["train/Acura/00001.jpg", "train/Audi/00002.jpg", "train/Audi/00003.jpg", "test/Audi/00001.jpg"]
    records = read(write(files, [f"car_data/car_data/{photo}" for photo in photos]))
    assert (records.name, records.classes) == ("kaggle_cars", ("Acura", "Audi"))
    assert [(record.path.name, record.split, record.box) for record in records] == [
        ("00001.jpg", "train", (38, 115, 569, 375)),
        ("00002.jpg", "train", (0, 0, 10, 20)),
        ("00003.jpg", "train", None),
        ("00001.jpg", "test", (4, 5, 7, 8)),
    ]


def test_flat_folders_get_their_classes_from_the_names(write: Write) -> None:
    files = {
        "anno_train.csv": "1.jpg,1,1,9,9,2\n2.jpg,1,1,9,9,1\n",
        "anno_test.csv": "1.jpg,1,1,9,9,1\n",
        "names.csv": NAMES,
    }
    records = read(write(files, ["cars_train/1.jpg", "cars_train/2.jpg", "cars_test/1.jpg"]))
    assert records.classes == ("Acura RL 2012", "Audi S4, 2007")
    assert sorted((str(r.split), r.path.name, records.classes[r.label]) for r in records) == [
        ("test", "1.jpg", "Acura RL 2012"),
        ("train", "1.jpg", "Audi S4, 2007"),
        ("train", "2.jpg", "Acura RL 2012"),
    ]


@pytest.mark.parametrize(
    ("rows", "photos", "message"),
    [
        (
            "1.jpg,1,1,9,9,1\n2.jpg,1,1,9,9,2\n",
            ["train/Acura/1.jpg", "train/Acura/2.jpg", "train/Audi/3.jpg"],
            "expected one class number for the photos of 'Acura' in the lists of {root}, found 1 and 2: "
            "the lists belong to other photos, so remove anno_train.csv and anno_test.csv",
        ),
        (
            "1.jpg,1,1,9,9,3\n2.jpg,1,1,9,9,1\n",
            ["cars_train/1.jpg", "cars_train/2.jpg"],
            "expected class numbers from 1 to 2, the lines of {root}/names.csv, found 1 to 3: download the lists again",
        ),
        (
            "1.jpg,1,1,9,nine,3\n",
            ["cars_train/1.jpg"],
            "expected a file name and five whole numbers in line 1 of {root}/anno_train.csv, "
            "found '1.jpg,1,1,9,nine,3': mend the line",
        ),
    ],
)
def test_lists_that_do_not_fit_are_refused(write: Write, rows: str, photos: list[str], message: str) -> None:
    root = write({"anno_train.csv": rows, "names.csv": NAMES}, photos)
    with pytest.raises(DataError) as caught:
        read(root)
    assert str(caught.value) == message.format(root=root)
