"""Which val photos are held out of every choice."""

from __future__ import annotations

from pathlib import Path

import pytest

from fieldmark.data.calibration_split import held_out
from fieldmark.structures import Record, RecordList


def _records(val: int) -> tuple[RecordList, dict[Path, str]]:
    records = [Record(Path(f"{index}.jpg"), index % 2, "val" if index < val else "train") for index in range(val + 50)]
    keys = {record.path: f"{(index * 7919) % 10007:05d}" for index, record in enumerate(records)}
    return RecordList(records, ("a", "b")), keys


@pytest.mark.parametrize(("val", "expected"), [(0, 0), (1, 1), (4, 3), (12, 9), (30, 19), (100, 50)])
def test_half_of_val_or_enough_of_a_small_one(val: int, expected: int) -> None:
    records, keys = _records(val)
    held = held_out(records, range(len(records)), keys)
    assert held.sum() == expected
    assert all(record.split == "val" for record, out in zip(records, held, strict=True) if out)


def test_groups_go_as_a_whole() -> None:
    records, keys = _records(60)
    groups = [index // 3 for index in range(len(records))]
    held = held_out(records, groups, keys)
    for group in range(20):
        assert len({bool(held[index]) for index in range(3 * group, 3 * group + 3)}) == 1


def test_the_order_of_records_does_not_matter() -> None:
    records, keys = _records(40)
    order = list(range(len(records)))[::-1]
    turned = records.like(records[index] for index in order)
    held, again = held_out(records, order, keys), held_out(turned, order, keys)
    assert {r.path for r, out in zip(records, held, strict=True) if out} == {
        r.path for r, out in zip(turned, again, strict=True) if out
    }
