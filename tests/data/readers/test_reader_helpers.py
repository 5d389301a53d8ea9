"""The forms of boxes, names, splits and sizes that all readers share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldmark.data.photos.photo_files import is_photo, scan
from fieldmark.data.readers._boxes import from_inclusive, from_xywh, largest, objects_of_xml
from fieldmark.data.readers._classes import contiguous
from fieldmark.data.readers._official import check_official
from fieldmark.data.readers._splits import split_named
from fieldmark.data.readers._text import four_numbers, read_rows, table
from fieldmark.data.readers._tree import first_conflict, qualify
from fieldmark.errors import DataError
from fieldmark.structures import Record, RecordList

pixels = st.integers(1, 5000)


@given(pixels, pixels, pixels, pixels)
def test_inclusive_boxes_count_the_same_pixels(x: int, y: int, width: int, height: int) -> None:
    """The box x..x+w-1 in MATLAB's counting is the box at (x-1, y-1) of size w, h in ours."""
    box = from_inclusive(x, y, x + width - 1, y + height - 1)
    assert box == from_xywh(x - 1, y - 1, width, height)
    assert (box[2] - box[0], box[3] - box[1]) == (width, height)


def test_largest_box() -> None:
    assert largest([]) is None
    assert largest([(0, 0, 2, 2), (5, 5, 9, 8), (1, 1, 3, 3)]) == (5, 5, 9, 8)


def test_xml_without_corner_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "n1_1"
    path.write_text("<annotation><object><bndbox><xmin>3</xmin></bndbox></object></annotation>")
    with pytest.raises(DataError, match=r"expected VOC XML with boxes in .*n1_1, found .*: unpack the file again"):
        objects_of_xml(path)


@given(st.lists(st.integers(0, 99)))
def test_contiguous_labels_keep_the_order_of_ids(ids: list[int]) -> None:
    labels = contiguous(ids)
    assert list(labels) == sorted(set(ids))
    assert list(labels.values()) == list(range(len(labels)))


@pytest.mark.parametrize("name", ["val", "valid", "validation", "dev", " Validation ", "VAL"])
def test_names_of_the_validation_split(name: str) -> None:
    assert split_named(name) == "val"


@pytest.mark.parametrize("name", ["", "evaluation", "trainval", "Tern"])
def test_other_names_are_no_split(name: str) -> None:
    assert split_named(name) is None


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG", "a.png", "a.webp", "a.bmp", "a.tiff", "a.gif", "a.avif", "a.heic"])
def test_endings_of_photos(name: str) -> None:
    assert is_photo(name)
    assert not is_photo(f".{name}")
    assert not is_photo(f"{name}.txt")


def test_scan_lists_every_folder_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/b/1.jpg", "a/c/2.png", "d/3.txt", "d/.hidden/4.jpg", "e/.5.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    listed: list[str] = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (listed.append(str(path)), real(path))[1])
    top = scan(tmp_path)
    assert sorted(listed) == sorted(str(tmp_path / name) for name in ("", "a", "a/b", "a/c", "d", "e"))
    assert list(top.folders) == ["a"]
    assert top.folders["a"].folders["c"].photos == ("2.png",)


def test_rows_keep_the_spaces_of_the_last_column(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_text("\ufeff1 Ducks, Geese, and Swans \r\n\n2\tF-16A/B\n", encoding="utf-8")
    assert table(path) == {"1": "Ducks, Geese, and Swans", "2": "F-16A/B"}


def test_short_row_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_text("1 Tern\n2\n")
    with pytest.raises(DataError) as caught:
        list(read_rows(path, 2))
    assert str(caught.value) == f"expected 2 columns in line 2 of {path}, found '2': mend it"


def test_text_that_is_no_number_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "boxes.txt"
    path.write_text("1 2 3 4 wide\n")
    with pytest.raises(DataError, match=r"expected an id and four numbers a line in .*boxes.txt, found .*'wide'"):
        four_numbers(path)


def test_bytes_that_are_no_text_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_bytes(b"1 Gr\xfcnfink\n")
    with pytest.raises(DataError) as caught:
        table(path)
    assert str(caught.value) == f"expected UTF-8 text in {path}, found other bytes: save the file as UTF-8"


chains = st.lists(st.tuples(*[st.sampled_from("abc")] * 3), min_size=1, unique=True)


@given(chains)
def test_qualified_names_tell_every_branch_apart(found: list[tuple[str, ...]]) -> None:
    named = qualify(found)
    for level in range(3):
        prefixes = {chain[: level + 1] for chain in found}
        names = {chain[: level + 1]: named[chain][level] for chain in found}
        assert len(set(names.values())) == len(prefixes)
        assert all(name.split("/")[-1] == prefix[-1] for prefix, name in names.items())
    assert first_conflict(named.values()) is None


def test_names_stay_plain_where_they_are_unique() -> None:
    found = [("Parus", "major"), ("Dendrocopos", "major"), ("Parus", "ater")]
    assert list(qualify(found).values()) == [
        ("Parus", "Parus/major"),
        ("Dendrocopos", "Dendrocopos/major"),
        ("Parus", "ater"),
    ]


def test_first_conflict_names_both_parents() -> None:
    assert first_conflict([("A", "x"), ("B", "y"), ("B", "x")]) == (1, "x", "A", "B")


def _list(train: int, test: int, classes: int = 3) -> RecordList:
    names = [str(index) for index in range(classes)]
    photos = [Record(Path("a.jpg"), 0, "train")] * train + [Record(Path("b.jpg"), 0, "test")] * test
    return RecordList(photos, names, name="some_set")


def test_complete_set_must_have_its_published_split() -> None:
    sizes = {"train": 60, "test": 40}
    assert check_official(_list(60, 40), classes=3, sizes=sizes)
    with pytest.raises(DataError) as caught:
        check_official(_list(40, 60), classes=3, sizes=sizes)
    assert str(caught.value) == (
        "expected 60 train, 40 test photos in a complete some_set, found 40 train, 60 test: "
        "download its annotation files again, or describe a selection of your own in a CSV"
    )
    with pytest.raises(DataError, match="found 59 train, 40 test"):
        check_official(_list(59, 40), classes=3, sizes=sizes)


def test_subsets_and_sets_in_the_same_layout_pass() -> None:
    sizes = {"train": 60, "test": 40}
    assert len(check_official(_list(60, 39, classes=2), classes=3, sizes=sizes)) == 99
    assert len(check_official(_list(10, 10), classes=3, sizes=sizes)) == 20
