"""Oxford Flowers-102 and -17: against the true .mat files and the true photos."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from fieldmark.data.read import read
from fieldmark.data.readers import oxford_flowers17, oxford_flowers102
from fieldmark.errors import DataError, SettingError
from fieldmark.structures import RecordList


@pytest.fixture(scope="module")
def flowers(annotations: Path) -> RecordList:
    return read(annotations / "oxford_flowers102", require_files=False)


def test_official_sizes(flowers: RecordList) -> None:
    """The test split is the large one: 6,149, not 1,020."""
    assert flowers.name == "oxford_flowers102"
    assert Counter(record.split for record in flowers) == {"train": 1020, "val": 1020, "test": 6149}
    assert len(flowers.classes) == len(set(flowers.classes)) == 102
    for split in ("train", "val"):
        per_class = Counter(flowers.of_split(split).labels)  # type: ignore[arg-type]
        assert set(per_class.values()) == {10}


def test_labels_follow_the_numbers_of_the_photos(flowers: RecordList, annotations: Path) -> None:
    root = annotations / "oxford_flowers102"
    assert flowers.labels == [number - 1 for number in loadmat(root / "imagelabels.mat")["labels"][0].tolist()]
    assert flowers[0].path == root / "jpg" / "image_00001.jpg"
    assert flowers[-1].path.name == "image_08189.jpg"
    assert flowers.classes[flowers[0].label] == "passion flower"


def test_swapped_splits_are_one_sentence(write: Callable[..., Path], annotations: Path) -> None:
    root = write()
    shutil.copyfile(annotations / "oxford_flowers102/imagelabels.mat", root / "imagelabels.mat")
    ids = loadmat(annotations / "oxford_flowers102/setid.mat")
    savemat(root / "setid.mat", {"trnid": ids["tstid"], "valid": ids["valid"], "tstid": ids["trnid"]})
    with pytest.raises(DataError) as caught:
        oxford_flowers102.read(root)
    assert str(caught.value) == (
        "expected 1,020 train, 1,020 val, 6,149 test photos in a complete oxford_flowers102, found 6,149 "
        "train, 1,020 val, 1,020 test: download its annotation files again, or describe a selection of your "
        "own in a CSV"
    )


def test_small_set_in_the_same_layout(write: Callable[..., Path]) -> None:
    root = write(photos=[f"jpg/image_{index:05d}.jpg" for index in range(1, 4)])
    savemat(root / "imagelabels.mat", {"labels": np.array([[77, 1, 77]], dtype=np.uint8)})
    savemat(root / "setid.mat", {"trnid": [[1]], "valid": [[2]], "tstid": [[3]]})
    records = read(root)
    assert records.classes == ("pink primrose", "passion flower")
    assert [(record.label, record.split) for record in records] == [(1, "train"), (0, "val"), (1, "test")]


def test_label_beyond_102_is_one_sentence(write: Callable[..., Path]) -> None:
    root = write()
    savemat(root / "imagelabels.mat", {"labels": [[1, 103]]})
    savemat(root / "setid.mat", {"trnid": [[1]], "valid": [[2]], "tstid": [[2]]})
    with pytest.raises(DataError) as caught:
        oxford_flowers102.read(root)
    assert str(caught.value) == (
        f"expected labels from 1 to 102 in {root / 'imagelabels.mat'}, found 103: download it again"
    )


def test_missing_variable_is_one_sentence(write: Callable[..., Path]) -> None:
    root = write()
    savemat(root / "imagelabels.mat", {"names": [[1, 2]]})
    savemat(root / "setid.mat", {"trnid": [[1]]})
    with pytest.raises(DataError) as caught:
        oxford_flowers102.read(root)
    assert str(caught.value) == (
        f"expected a variable 'labels' in {root / 'imagelabels.mat'}, found names: download the file again"
    )


def test_flowers17_in_class_folders_is_an_image_folder(flowers17: Path) -> None:
    records = read(flowers17)
    assert (records.name, len(records), len(records.classes)) == ("image_folder", 1360, 17)
    assert set(Counter(records.labels).values()) == {80}


def test_flowers17_numbers_agree_with_the_class_folders(flowers17: Path, write: Callable[..., Path]) -> None:
    """The official archive has numbers alone; the folders of the same photos tell which flower each is."""
    sorted_photos = read(flowers17)
    numbered = read(write(photos=[f"jpg/{record.path.name}" for record in sorted_photos]))
    assert (numbered.name, len(numbered)) == ("oxford_flowers17", 1360)
    folder_of = {record.path.name: sorted_photos.classes[record.label] for record in sorted_photos}
    for record in numbered:
        number, name = folder_of[record.path.name].split(".")
        assert record.label == int(number) - 1
        assert numbered.classes[record.label].replace(" ", "") == name.lower()


def _flowers17(write: Callable[..., Path]) -> Path:
    root = write(photos=["jpg/image_0001.jpg", "jpg/image_0080.jpg", "jpg/image_0081.jpg", "jpg/image_1360.jpg"])
    splits = {f"trn{n}": [[1, 81]] for n in (1, 2)} | {f"val{n}": [[80]] for n in (1, 2)}
    savemat(root / "datasplits.mat", {**splits, "tst1": [[1360]], "tst2": [[1359]]})
    return root


def test_flowers17_boundaries_and_splits(write: Callable[..., Path]) -> None:
    root = _flowers17(write)
    records = read(root)
    assert records.classes == ("daffodil", "snowdrop", "pansy")
    assert [(record.label, record.split) for record in records] == [
        (0, "train"),
        (0, "val"),
        (1, "train"),
        (2, "test"),
    ]
    assert oxford_flowers17.read(root, partition=2)[-1].split is None


def test_flowers17_errors_are_one_sentence(write: Callable[..., Path]) -> None:
    root = _flowers17(write)
    with pytest.raises(SettingError) as setting:
        oxford_flowers17.read(root, partition=4)
    assert str(setting.value) == ("expected partition 1, 2 or 3 of oxford_flowers17, found 4: choose one of them")
    (root / "jpg/image_1361.jpg").touch()
    with pytest.raises(DataError) as caught:
        oxford_flowers17.read(root)
    assert str(caught.value) == (
        f"expected photos image_0001.jpg to image_1360.jpg in {root / 'jpg'}, found image_1361.jpg: "
        "unpack 17flowers.tgz there"
    )
    with pytest.raises(DataError, match="found no numbered photo: unpack"):
        oxford_flowers17.read(root / "jpg")
