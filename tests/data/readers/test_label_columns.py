"""Several columns of labels in one table."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from fieldmark.data.asked_photos import ask
from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.read import read
from fieldmark.errors import DataError
from fieldmark.structures import RecordList

ROWS = """path,Species,Sex,genus,split
a.jpg,wren,male,T,train
b.jpg,wren,,T,train
c.jpg,robin,female,E,train
d.jpg,robin, Male ,E,test
e.jpg,,male,T,train
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    for name in "abcde":
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.jpg")
    (tmp_path / "birds.csv").write_text(ROWS)
    return tmp_path / "birds.csv"


def test_further_columns_become_questions(table: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "fieldmark"):
        records = read(table, label_col="species, sex,genus")
    assert records.classes == ("robin", "wren")
    assert records.label_name == "Species"
    assert [(each.name, each.classes) for each in records.further] == [
        ("Sex", ("Male", "female", "male")),
        ("genus", ("E", "T")),
    ]
    assert [record.further for record in records] == [(2, 1), (None, 1), (1, 0), (0, 0)]
    assert caplog.messages == [f"left out 1 rows of {table}: they have no Species, the first column of labels"]
    assert records.options == {"label_col": "species, sex,genus"}


def test_the_first_column_reads_as_it_does_alone(table: Path) -> None:
    """A column of a further question stays a rank of the taxonomy, where it is one."""
    alone, several = read(table, label_col="species"), read(table, label_col="species,genus,sex")
    assert several.ranks == alone.ranks == ("genus",)
    assert list(several.first_question()) == list(alone)
    assert several.first_question().further == ()


def test_a_column_that_is_no_rank_may_be_asked(table: Path) -> None:
    table.write_text(ROWS.replace("robin,female,E", "robin,female,T"))
    assert read(table, label_col="species,genus").ranks == ()


def test_asking_gives_labels_of_the_question(table: Path) -> None:
    sex = read(table, label_col="species,sex").asking(0)
    assert (sex.label_name, sex.classes, sex.labels) == ("Sex", ("Male", "female", "male"), [2, 1, 0])
    assert [record.split for record in sex] == ["train", "train", "test"]
    assert sex.ranks == ()


def test_a_photo_from_elsewhere_has_no_label_for_further_questions(table: Path) -> None:
    records = read(table, label_col="species,sex")
    more = records.like([*records, replace(records[0], further=())])
    assert more.labels_of(0) == [2, None, 1, 0, None]
    assert len(more.asking(0)) == 3


def test_a_title_with_a_comma_is_one_column(table: Path) -> None:
    table.write_text('path,"kind, rough"\na.jpg,x\nb.jpg,y\n')
    records = read(table, label_col="kind, rough")
    assert (records.label_name, records.further) == ("kind, rough", ())


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("species,age", "expected a column 'age' in {}, found path, species, sex, genus, split: correct --label-col"),
        ("species,sex,Sex", "--label-col names the column 'sex' of {} twice: name each column once"),
        (
            "species,same",
            "expected at least two answers in the column 'same' of {}, found only 'x': leave it out of --label-col",
        ),
    ],
)
def test_errors_of_columns(table: Path, columns: str, message: str) -> None:
    if "same" in columns:
        table.write_text("path,species,same\na.jpg,wren,x\nb.jpg,robin,\n")
    with pytest.raises(DataError) as raised:
        read(table, label_col=columns)
    assert str(raised.value) == message.format(table)


def photos_of(records: RecordList) -> PhotoTable:
    return PhotoTable.of(records, range(len(records)), [f"{number}" for number in range(len(records))])


def test_the_splits_and_groups_are_those_of_all_questions(table: Path) -> None:
    table.write_text(ROWS.replace("d.jpg,robin, Male ,E,test", "d.jpg,robin,female,E,test"))
    photos = photos_of(read(table, label_col="species,genus"))
    asked = ask(photos, 0)
    assert asked.photos.roles == photos.roles
    assert asked.photos.groups == photos.groups
    assert asked.rows.tolist() == [0, 1, 2, 3]
    assert asked.summary == "question 'genus': 4 photos of 2 classes: 3 train, 0 val, 1 test"


def test_a_question_needs_two_classes_in_train(table: Path) -> None:
    photos = photos_of(read(table, label_col="species,sex"))
    with pytest.raises(DataError) as raised:
        ask(photos, 0)
    assert str(raised.value) == (
        "the question 'Sex' needs two classes with photos in train, but has 0: "
        "label more photos, or leave the column out of --label-col"
    )


def test_classes_that_cannot_be_learned_are_left_out(tmp_path: Path) -> None:
    rows = ["path,species,age,split"]
    ages = ["old", "old", "young", "young", "chick", "egg", "egg", ""]
    splits = ["train", "test", "train", "test", "train", "test", "test", "train"]
    for number, (age, split) in enumerate(zip(ages, splits, strict=True)):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{number}.jpg")
        rows.append(f"{number}.jpg,{'ab'[number % 2]},{age},{split}")
    (tmp_path / "birds.csv").write_text("\n".join(rows))
    asked = ask(photos_of(read(tmp_path / "birds.csv", label_col="species,age")), 0)
    assert asked.photos.classes == ("old", "young")
    assert asked.photos.records.labels == [0, 0, 1, 1]
    assert asked.rows.tolist() == [0, 1, 2, 3]
    assert (asked.left_out, asked.unlabelled) == ({"chick": 1, "egg": 2}, 1)
