"""CSV: the true grocery81 list, a round trip over any rows, and each way in which a CSV can be wrong."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldmark.data.label_names import fold_name
from fieldmark.data.read import read
from fieldmark.data.readers import csv_file
from fieldmark.errors import DataError
from fieldmark.structures import RecordList


def _read(write: Callable[..., Path], text: str, name: str = "labels.csv") -> RecordList:
    return read(write({name: text}), require_files=False)


def test_grocery81(grocery81: Path) -> None:
    records = read(grocery81)
    assert (records.name, records.ranks) == ("csv", ("coarse_label",))
    assert Counter(record.split for record in records) == {"train": 1749, "val": 296, "test": 1280}
    assert len(records.classes) == 81
    assert len({record.taxonomy for record in records}) == 43
    assert all(record.path.is_file() for record in records)
    assert list(read(grocery81 / "labels.csv")) == list(records)


def test_only_path_and_label(write: Callable[..., Path]) -> None:
    records = _read(write, "path,label\nb/1.jpg,tern\na/2.jpg,gull\n")
    assert records.classes == ("gull", "tern")
    assert [(record.path.name, record.label, record.split, record.group) for record in records] == [
        ("1.jpg", 1, None, None),
        ("2.jpg", 0, None, None),
    ]
    assert records.ranks == ()


def test_paths_are_relative_to_the_csv(write: Callable[..., Path], tmp_path: Path) -> None:
    root = write({"lists/all.csv": f"path,label\n../a/1.jpg,tern\n{tmp_path}/2.jpg,gull\nsub\\3.jpg,gull\n"})
    records = read(root / "lists/all.csv", require_files=False)
    assert records.paths == [root / "lists/../a/1.jpg", tmp_path / "2.jpg", root / "lists/sub/3.jpg"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_spreadsheet_dialects(write: Callable[..., Path], delimiter: str) -> None:
    rows = [
        ["Path", " LABEL ", "Split"],
        ["1.jpg", f"tern{delimiter} arctic", "Training"],
        ["2.jpg", "gull", "dev"],
    ]
    text = "\ufeff" + "".join(delimiter.join(f'"{cell}"' for cell in row) + "\r\n" for row in rows)
    records = _read(write, text)
    assert records.classes == ("gull", fold_name(f"tern{delimiter} arctic"))
    assert [record.split for record in records] == ["train", "val"]


def test_group_and_boxes(write: Callable[..., Path]) -> None:
    text = "path,label,group,box\n1.jpg,tern,bird 7,1 2 30.5 40\n2.jpg,gull,,\n"
    assert [(record.group, record.box) for record in _read(write, text)] == [
        ("bird 7", (1.0, 2.0, 30.5, 40.0)),
        (None, None),
    ]
    text = "path,label,box_x1,box_y1,box_x2,box_y2\n1.jpg,tern,1,2,30,40\n2.jpg,gull,,,,\n"
    assert [record.box for record in _read(write, text)] == [(1.0, 2.0, 30.0, 40.0), None]
    text = "path,label,box_xywh\n1.jpg,tern,1 2 30 40\n2.jpg,gull,\n"
    assert [record.box for record in _read(write, text)] == [(1.0, 2.0, 31.0, 42.0), None]


def test_taxonomy_columns_are_ordered_by_what_they_hold(write: Callable[..., Path]) -> None:
    text = (
        "path,genus,label,photographer,order,parent,family\n"
        "1.jpg,Parus,Great tit,Ann,Passeriformes,bird,Paridae\n"
        "2.jpg,Cyanistes,Blue tit,Bob,Passeriformes,bird,Paridae\n"
        "3.jpg,Larus,Common gull,Ann,Charadriiformes,bird,Laridae\n"
        "4.jpg,Larus,Herring gull,Ann,Charadriiformes,bird,Laridae\n"
    )
    records = _read(write, text)
    assert records.ranks == ("parent", "order", "family", "genus")
    assert records[0].taxonomy == ("bird", "Passeriformes", "Paridae", "Parus")


def test_column_that_repeats_the_label_is_no_rank(write: Callable[..., Path]) -> None:
    records = _read(write, "path,label,species,make\n1.jpg,A3,A3,Audi\n2.jpg,A4,A4,Audi\n")
    assert records.ranks == ("make",)


def test_rows_without_label_are_left_out_and_said(write: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    root = write({"labels.csv": "path,label,split\n1.jpg,tern,train\n2.jpg,gull,train\n3.jpg,,test\n\n"})
    assert len(read(root, require_files=False)) == 2
    assert caplog.messages == [f"left out 1 rows of {root / 'labels.csv'}: they have no label"]


def test_a_folder_with_another_name_of_csv(write: Callable[..., Path]) -> None:
    rows = "path,label\ngull/1.jpg,Gull\ntern/2.jpg,Tern\n"
    photos = ["gull/1.jpg", "tern/2.jpg"]
    assert read(write({"birds.csv": rows, "other.csv": "a,b\n"}, photos, "one")).classes == ("Gull", "Tern")
    assert read(write({"other.csv": "a,b\n"}, photos, "none")).name == "image_folder"
    root = write({"birds.csv": rows, "more.csv": rows}, photos, "two")
    with pytest.raises(DataError) as caught:
        read(root)
    assert str(caught.value) == (
        f"expected one CSV with columns path and label in {root}, found birds.csv, more.csv: give the one to read"
    )
    assert read(root, "image_folder").classes == ("gull", "tern")
    assert read(write({"labels.csv": rows, "more.csv": rows}, photos, "named")).classes == ("Gull", "Tern")


WRONG = {
    "path,labels,fold\n": (
        "expected columns path and label in {path}, found path, labels, fold: add label, "
        "or name the columns with --path-col and --label-col"
    ),
    "": "expected columns path and label in {path}, found none: add path and label",
    "path,label,label\n": "expected every column once in {path}, found 'label' twice: rename one of them",
    "path,label\n1.jpg,\n": ("expected rows with a path and a label in {path}, found 1 rows without: add labels"),
    "path,label\n1.jpg,a\n,b\n": "expected a path in line 3 of {path}, found an empty cell: fill it in",
    "path,label,genus\n1.jpg,a,A\n2.jpg,b\n": ("expected a genus in line 3 of {path}, found an empty cell: fill it in"),
    "path,label,split\n1.jpg,a,train\n2.jpg,b,fold1\n": (
        "expected train, val or test as split in line 3 of {path}, found 'fold1': use one of the three"
    ),
    "path,label,box\n1.jpg,a,5 5 2 9\n": (
        "expected a box of four numbers x1 y1 x2 y2 with x1 < x2 and y1 < y2 in line 2 of {path}, found "
        "'5 5 2 9': mend the box, or leave its cells empty"
    ),
    "path,label,box\n1.jpg,a,5 5 2\n": (
        "expected a box of four numbers x1 y1 x2 y2 with x1 < x2 and y1 < y2 in line 2 of {path}, found "
        "'5 5 2': mend the box, or leave its cells empty"
    ),
    "path,label\n1.jpg,gull, common\n": (
        "expected 2 cells in line 2 of {path}, found 3: put quotes around a cell that holds the delimiter"
    ),
    "path,label,genus\n1.jpg,tern,Sterna\n2.jpg,tern,Larus\n": (
        "expected one genus for the label 'tern' in {path}, found 'Sterna' and 'Larus': "
        "mend the rows, or rename the column if it is no taxonomy"
    ),
    "path,label,family,genus\n1.jpg,a,F,G\n2.jpg,b,E,G\n3.jpg,c,E,H\n4.jpg,d,E,I\n": (
        "expected one family for the genus 'G' in {path}, found 'F' and 'E': "
        "mend the rows, or rename the column if it is no taxonomy"
    ),
}


@pytest.mark.parametrize(("text", "message"), WRONG.items())
def test_what_is_wrong_is_one_sentence(write: Callable[..., Path], text: str, message: str) -> None:
    path = write({"labels.csv": text}) / "labels.csv"
    with pytest.raises(DataError) as caught:
        read(path, require_files=False)
    assert str(caught.value) == message.format(path=path)


def test_open_quotes_are_one_sentence(write: Callable[..., Path]) -> None:
    path = write({"labels.csv": 'path,label\n"1.jpg,a\n' + "2.jpg,b\n" * 20_000}) / "labels.csv"
    with pytest.raises(DataError, match=r"expected a CSV at .*labels.csv, found field larger .*: mend line \d+"):
        read(path)


cells = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
words = cells.map(str.strip).filter(bool)
file_names = words.filter(lambda name: not set(name) & set("/\\") and name not in (".", ".."))
sides = st.integers(1, 900)
boxes = st.builds(lambda x, y, w, h: (float(x), float(y), float(x + w), float(y + h)), sides, sides, sides, sides)
rows = st.lists(
    st.tuples(
        file_names,
        words,
        st.sampled_from(["train", "val", "test", None]),
        st.none() | words,
        st.none() | boxes,
    ),
    min_size=1,
    max_size=6,
)


@given(rows, st.sampled_from(",;\t"))
@settings(max_examples=60, deadline=None)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, table: list[tuple], delimiter: str) -> None:
    """Whatever a CSV writer puts down comes back, cell by cell."""
    path = tmp_path_factory.mktemp("csv") / "labels.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["path", "label", "split", "group", "box"])
        for name, label, split, group, box in table:
            writer.writerow([name, label, split or "", group or "", " ".join(map(str, box)) if box else ""])
    records = csv_file.read(path)
    assert set(records.classes) == {fold_name(label) for _, label, *_ in table}
    assert [
        (record.path.name, records.classes[record.label], record.split, record.group, record.box) for record in records
    ] == [(name, fold_name(label), *rest) for name, label, *rest in table]
