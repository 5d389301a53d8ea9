"""Roles of the photos of a fit, and subsets of their table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fieldmark.data.photo_table import PhotoTable
from fieldmark.structures import Record, RecordList


def _records(val: int) -> RecordList:
    records = [Record(Path(f"{index}.jpg"), index % 2, "val" if index < val else "train") for index in range(val + 50)]
    return RecordList([*records, Record(Path("test.jpg"), 0, "test")], ("a", "b"))


def _table(records: RecordList, groups: Sequence[int] | None = None) -> PhotoTable:
    numbers = [int(record.path.stem) if record.path.stem.isdigit() else -1 for record in records]
    keys = [f"{(number * 7919) % 10007:05d}" for number in numbers]
    return PhotoTable.of(records, numbers if groups is None else groups, keys)


@pytest.mark.parametrize(("val", "expected"), [(0, 0), (1, 1), (4, 3), (12, 9), (30, 19), (100, 50)])
def test_half_of_val_calibrates_or_enough_of_a_small_one(val: int, expected: int) -> None:
    photos = _table(_records(val))
    assert photos.roles.count("calibration") == expected
    assert {record.split for record in photos.of_role("calibration").records} <= {"val"}


def test_groups_get_one_role() -> None:
    records = _records(60)
    photos = _table(records, [index // 3 for index in range(len(records))])
    for group in range(20):
        assert len(set(photos.roles[3 * group : 3 * group + 3])) == 1


def test_the_order_of_records_does_not_matter() -> None:
    records = _records(40)
    photos, turned = _table(records), _table(records.like(reversed(records)))
    assert set(photos.of_role("calibration").records) == set(turned.of_role("calibration").records)
    assert photos.fingerprint == turned.fingerprint


def test_a_subset_carries_all_columns() -> None:
    photos = _table(_records(12))
    rows = photos.positions("val")
    chosen = photos.take(rows)
    assert chosen.records.classes == ("a", "b")
    assert [chosen.groups, chosen.content_keys, tuple(chosen.labels)] == [
        tuple(column[row] for row in rows) for column in (photos.groups, photos.content_keys, photos.labels)
    ]
    assert set(chosen.roles) == {"val"}
    assert chosen.key_of[chosen.records[0].path] == chosen.content_keys[0]


def test_training_sees_train_and_then_val_but_never_test() -> None:
    photos = _table(_records(12)).for_training()
    assert list(dict.fromkeys(record.split for record in photos.records)) == ["train", "val"]
    assert photos.for_training() == photos
    assert len(photos.of_split("val")) == len(photos.positions("val", "calibration")) == 12


def test_the_fingerprint_follows_labels_and_splits() -> None:
    photos = _table(_records(12))
    other = photos.records.like([photos.records[0].with_split("train"), *photos.records[1:]])
    assert replace(photos, records=other).fingerprint != photos.fingerprint
    swapped = RecordList(photos.records, ("b", "a"))
    assert replace(photos, records=swapped).fingerprint != photos.fingerprint


def test_photos_of_one_sender_are_one_group_beside_duplicates() -> None:
    """So that folds, roles and simulations part neither senders nor bursts."""
    records = _records(60)
    sent = records.like(
        replace(record, group=f"sender {index // 4}" if index < 40 else None) for index, record in enumerate(records)
    )
    photos = _table(sent, [1000 + index // 2 if index >= 40 else index for index in range(len(sent))])
    for start in range(0, 40, 4):
        assert len(set(photos.groups[start : start + 4])) == 1
        assert len(set(photos.roles[start : start + 4])) == 1
    assert photos.groups[40] == photos.groups[41] != photos.groups[42]
    assert len(set(photos.groups)) == 10 + -(-(len(sent) - 40) // 2)
