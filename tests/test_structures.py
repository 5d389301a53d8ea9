"""Invariants of records, record lists and answers."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import pytest

from fieldmark.recognizer.answer import Answer, Candidate
from fieldmark.structures import Record, RecordList


@pytest.fixture
def records() -> RecordList:
    splits = ("train", "val", "test", None)
    photos = [Record(Path(f"{index}.jpg"), index % 2, splits[index % 4]) for index in range(12)]  # type: ignore[arg-type]
    return RecordList(photos, ["Alder", "Birch"], name="csv", root=Path("/data"), ranks=["genus"])


def test_splits_partition_the_records(records: RecordList) -> None:
    parts = [records.of_split(split) for split in ("train", "val", "test", None)]  # type: ignore[arg-type]
    assert sorted(record.path for part in parts for record in part) == sorted(records.paths)
    assert [{record.split for record in part} for part in parts] == [{"train"}, {"val"}, {"test"}, {None}]


def test_like_keeps_the_meaning_of_labels(records: RecordList) -> None:
    some = records.like(records[:3])
    assert (len(some), some.classes, some.name, some.root, some.ranks) == (
        3,
        ("Alder", "Birch"),
        "csv",
        Path("/data"),
        ("genus",),
    )


def test_class_to_idx_inverts_classes(records: RecordList) -> None:
    assert [records.classes[index] for index in records.class_to_idx.values()] == list(records.class_to_idx)


def test_columns_follow_the_records(records: RecordList) -> None:
    assert records.labels == [record.label for record in records]
    assert records.paths == [record.path for record in records]


def test_with_split_changes_nothing_else(records: RecordList) -> None:
    moved = records[0].with_split("test")
    assert moved.split == "test"
    assert moved.with_split(records[0].split) == records[0]


def test_a_record_cannot_be_changed(records: RecordList) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        records[0].label = 1  # type: ignore[misc]


def test_a_record_list_can_be_pickled(records: RecordList) -> None:
    copied = pickle.loads(pickle.dumps(records))
    assert list(copied) == list(records)
    assert (copied.classes, copied.ranks, copied.root) == (records.classes, records.ranks, records.root)


def test_the_repr_counts(records: RecordList) -> None:
    assert repr(records) == "RecordList(12 photos, 2 classes, csv)"


def test_label_and_confidence_are_the_best_candidate() -> None:
    answer = Answer("a.jpg", (Candidate("Alder", 0.75), Candidate("Birch", 0.25)), rank="class")
    assert (answer.label, answer.confidence) == ("Alder", 0.75)


def test_an_answer_without_candidates_has_no_label() -> None:
    answer = Answer("a.jpg", error="a.jpg is empty")
    assert (answer.label, answer.confidence) == (None, None)


def test_the_json_of_an_answer() -> None:
    answer = Answer("a.jpg", (Candidate("Alder", 0.75),), rank="class")
    assert json.loads(json.dumps(answer.to_dict())) == {
        "path": "a.jpg",
        "candidates": [{"label": "Alder", "probability": 0.75}],
        "set": None,
        "rank": "class",
        "ancestor": None,
        "unknown": None,
    }


def test_error_is_a_key_only_if_there_is_one() -> None:
    answer = Answer("a.jpg", error="a.jpg is empty").to_dict()
    assert answer["error"] == "a.jpg is empty"
    assert answer["candidates"] == ()
