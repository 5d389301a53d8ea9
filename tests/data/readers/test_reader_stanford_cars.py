"""Stanford Cars: against the true devkit, and tiny files of the old edition and of the test labels."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from fieldmark.data.read import read
from fieldmark.data.readers import stanford_cars
from fieldmark.errors import DataError
from fieldmark.structures import RecordList

CORNERS = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")


@pytest.fixture(scope="module")
def cars(annotations: Path) -> RecordList:
    return read(annotations / "stanford_cars_devkit", require_files=False)


def test_official_sizes(cars: RecordList) -> None:
    assert cars.name == "stanford_cars"
    assert Counter(record.split for record in cars) == {"train": 8144}
    assert len(cars.classes) == len(set(cars.classes)) == 196
    assert set(cars.labels) == set(range(196))


def test_test_split_without_labels_is_left_out_and_said(annotations: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = annotations / "stanford_cars_devkit"
    assert not read(root, require_files=False).of_split("test")
    assert caplog.messages == [
        f"left out the test photos of {root}: cars_test_annos.mat has no labels; "
        "put cars_test_annos_withlabels.mat beside it to use them"
    ]


def test_names_and_boxes_start_at_one_in_the_file_and_at_zero_here(cars: RecordList, annotations: Path) -> None:
    path = annotations / "stanford_cars_devkit/cars_train_annos.mat"
    rows = loadmat(path, squeeze_me=True)["annotations"]
    names = loadmat(path.with_name("cars_meta.mat"), squeeze_me=True)["class_names"]
    for record, row in zip(cars, rows, strict=True):
        x1, y1, x2, y2 = (int(row[corner]) for corner in CORNERS)
        assert record.box == (x1 - 1, y1 - 1, x2, y2)
        assert cars.classes[record.label] == names[row["class"] - 1]
        assert record.path.name == row["fname"]
    assert min(record.box[0] for record in cars if record.box) == 0


def test_names_with_a_slash_stay(cars: RecordList) -> None:
    assert "Ram C/V Cargo Van Minivan 2012" in cars.classes


def _rows(fields: dict[str, list[Any]]) -> np.ndarray[Any, Any]:
    """A MATLAB struct array with the given fields."""
    rows = np.empty((1, len(next(iter(fields.values())))), dtype=[(name, object) for name in fields])
    for name, values in fields.items():
        for index, value in enumerate(values):
            rows[0, index][name] = value
    return rows


def _boxes(count: int) -> dict[str, list[Any]]:
    return {corner: [10 * (place + 1)] * count for place, corner in enumerate(CORNERS)}


def _old_edition(root: Path, count: int = 4) -> Path:
    fields = {
        "relative_im_path": [f"car_ims/{index:06d}.jpg" for index in range(1, count + 1)],
        **_boxes(count),
    }
    fields |= {"class": [1, 2, 1, 2][:count], "test": [0, 0, 1, 1][:count]}
    names = np.array([["Audi TT", "BMW M3"]], dtype=object)
    savemat(root / "cars_annos.mat", {"annotations": _rows(fields), "class_names": names})
    return root


def test_old_edition(write: Callable[..., Path]) -> None:
    records = read(_old_edition(write(photos=[f"car_ims/{index:06d}.jpg" for index in range(1, 5)])))
    assert records.classes == ("Audi TT", "BMW M3")
    assert [(record.label, record.split) for record in records] == [
        (0, "train"),
        (1, "train"),
        (0, "test"),
        (1, "test"),
    ]
    assert records[0].box == (9.0, 19.0, 30.0, 40.0)
    assert all(record.path.is_file() for record in records)


def test_old_labels_beside_new_photos_are_one_sentence(write: Callable[..., Path]) -> None:
    root = _old_edition(write(photos=["cars_train/00001.jpg"]))
    with pytest.raises(DataError) as caught:
        read(root)
    assert str(caught.value) == (
        f"expected devkit/cars_train_annos.mat for the photos in {root / 'cars_train'}, found "
        "cars_annos.mat, which numbers the photos of car_ims: put the devkit beside it"
    )


def _new_edition(root: Path, devkit: str) -> Path:
    folder = root / devkit
    folder.mkdir(parents=True, exist_ok=True)
    names = np.array([["Audi TT", "BMW M3", "Fiat 500"]], dtype=object)
    savemat(folder / "cars_meta.mat", {"class_names": names})
    lists = {"cars_train_annos": [1, 3], "cars_test_annos_withlabels": [3, 1]}
    for name, classes in lists.items():
        rows = _rows({**_boxes(2), "class": classes, "fname": ["00001.jpg", "00002.jpg"]})
        savemat(folder / f"{name}.mat", {"annotations": rows})
    return root


@pytest.mark.parametrize("devkit", [".", "devkit", "car_devkit/devkit"])
@pytest.mark.parametrize("twice", [False, True])
def test_new_edition_in_all_nestings(write: Callable[..., Path], devkit: str, twice: bool) -> None:
    photos = [
        "/".join([folder] * (2 if twice else 1) + [name])
        for folder in ("cars_train", "cars_test")
        for name in ("00001.jpg", "00002.jpg")
    ]
    records = read(_new_edition(write(photos=photos), devkit))
    assert records.classes == ("Audi TT", "Fiat 500")
    assert [(record.label, record.split) for record in records] == [
        (0, "train"),
        (1, "train"),
        (1, "test"),
        (0, "test"),
    ]
    assert all(record.path.is_file() for record in records)


def test_single_photo(write: Callable[..., Path]) -> None:
    """MATLAB drops the dimension of a list with one entry."""
    assert len(stanford_cars.read(_old_edition(write(), count=1))) == 1


def test_train_list_without_labels_is_one_sentence(write: Callable[..., Path], annotations: Path) -> None:
    root = write()
    devkit = annotations / "stanford_cars_devkit"
    shutil.copyfile(devkit / "cars_meta.mat", root / "cars_meta.mat")
    shutil.copyfile(devkit / "cars_test_annos.mat", root / "cars_train_annos.mat")
    with pytest.raises(DataError) as caught:
        stanford_cars.read(root)
    assert str(caught.value) == (
        f"expected a field 'class' in {root / 'cars_train_annos.mat'}, found no labels: put the file with labels there"
    )


def test_damaged_file_is_one_sentence(write: Callable[..., Path]) -> None:
    root = write({"devkit/cars_train_annos.mat": "<html>404</html>", "devkit/cars_meta.mat": ""})
    with pytest.raises(DataError, match=r"expected a MATLAB file at .*cars_meta.mat, found .*: download it again"):
        read(root)
