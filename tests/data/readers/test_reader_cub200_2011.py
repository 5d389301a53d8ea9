"""CUB-200-2011: against the true annotation files of all 200 classes, and the photos of the first 50."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from fieldmark.data.read import read
from fieldmark.data.readers import cub200_2011
from fieldmark.errors import DataError
from fieldmark.structures import RecordList


@pytest.fixture(scope="module")
def cub(annotations: Path) -> RecordList:
    return read(annotations / "cub_200_2011", require_files=False)


def test_official_sizes(cub: RecordList) -> None:
    assert cub.name == "cub200_2011"
    assert Counter(record.split for record in cub) == {"train": 5994, "test": 5794}
    assert len(cub.classes) == len(set(cub.classes)) == 200
    assert set(cub.labels) == set(range(200))


def test_train_photos_per_class(cub: RecordList) -> None:
    per_class = Counter(record.label for record in cub.of_split("train"))
    assert Counter(per_class.values()) == {30: 194, 29: 6}


def test_class_names_are_readable_and_follow_the_folders(cub: RecordList) -> None:
    assert cub.classes[0] == "Black footed Albatross"
    for record in cub:
        number, name = record.path.parent.name.split(".")
        assert (record.label, cub.classes[record.label]) == (int(number) - 1, name.replace("_", " "))


def test_parts(cub: RecordList, annotations: Path) -> None:
    parts = [part for record in cub for part in record.parts]
    assert len(parts) == 176_820
    assert sum(part.visible for part in parts) == 141_407
    assert all((part.x, part.y) == (0, 0) for part in parts if not part.visible)
    names = (annotations / "cub_200_2011/parts/parts.txt").read_text().splitlines()
    assert [part.name for part in cub[0].parts] == [line.split(" ", 1)[1] for line in names]
    beak = cub[0].parts[1]
    assert (beak.name, beak.x, beak.y, beak.visible) == ("beak", 312.0, 182.0, True)


def test_boxes_come_from_corner_and_size(cub: RecordList, annotations: Path) -> None:
    lines = (annotations / "cub_200_2011/bounding_boxes.txt").read_text().splitlines()
    for record, line in zip(cub, lines, strict=True):
        x, y, width, height = map(float, line.split()[1:])
        assert record.box == (x, y, x + width, y + height)
    assert cub[0].box == (60.0, 27.0, 385.0, 331.0)


def test_no_taxonomy_is_invented(cub: RecordList) -> None:
    assert cub.ranks == ()
    assert {record.taxonomy for record in cub} == {()}


def test_subset_with_photos(cub50: Path) -> None:
    records = read(cub50)
    assert len(records.classes) == 50
    assert Counter(record.split for record in records) == {"train": 1500, "test": 1389}
    assert all(record.path.is_file() for record in records)
    assert all(len(record.parts) == 15 and record.box is not None for record in records)


FILES = {
    "images.txt": "1 007.Tern/a.jpg\n2 009.Gull/b.jpg\n",
    "classes.txt": "1 001.Auk\n7 007.Arctic_Tern\n9 009.Herring_Gull\n",
    "image_class_labels.txt": "1 7\n2 9\n",
}


def test_ids_with_gaps_and_no_optional_files(write: Callable[..., Path]) -> None:
    records = cub200_2011.read(write(FILES))
    assert records.classes == ("Arctic Tern", "Herring Gull")
    assert [(record.label, record.split, record.box, record.parts) for record in records] == [
        (0, None, None, ()),
        (1, None, None, ()),
    ]


def test_photo_without_label_is_one_sentence(write: Callable[..., Path]) -> None:
    root = write(FILES | {"image_class_labels.txt": "1 7\n"})
    with pytest.raises(DataError) as caught:
        cub200_2011.read(root)
    assert str(caught.value) == (
        f"expected an entry for id 2 in {root / 'image_class_labels.txt'}, found none: the files do not belong together"
    )


def test_class_without_name_is_one_sentence(write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"expected an entry for id 9 in .*classes\.txt, found none"):
        cub200_2011.read(write(FILES | {"classes.txt": "7 Tern\n"}))


def test_missing_list_is_one_sentence(write: Callable[..., Path]) -> None:
    root = write({key: text for key, text in FILES.items() if key != "images.txt"})
    with pytest.raises(DataError) as caught:
        read(root, "cub200_2011")
    assert str(caught.value) == (
        f"expected the file {root / 'images.txt'}, found none: unpack the annotations completely"
    )


def test_same_name_twice_is_one_sentence(write: Callable[..., Path]) -> None:
    with pytest.raises(DataError) as caught:
        cub200_2011.read(write(FILES | {"classes.txt": "7 007.Arctic_Tern\n9 009.Arctic_Tern\n"}))
    assert str(caught.value) == (
        "expected every class name once in classes.txt, found 'Arctic Tern' twice: rename one of them"
    )


def test_part_that_no_list_names_is_one_sentence(write: Callable[..., Path]) -> None:
    files = {"parts/parts.txt": "1 back\n", "parts/part_locs.txt": "1 1 0.0 0.0 0\n1 2 5.0 5.0 1\n"}
    with pytest.raises(DataError, match=re.escape("a line in ") + r".*part_locs.txt, found '2': mend the line"):
        cub200_2011.read(write(FILES | files))


def test_split_other_than_0_or_1_is_one_sentence(write: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match=r"expected an entry for id 2 in .*train_test_split\.txt"):
        cub200_2011.read(write(FILES | {"train_test_split.txt": "1 1\n2 2\n"}))
