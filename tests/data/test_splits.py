"""Invariants of `carve`."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldmark.data.splits import MIN_PHOTOS, carve, join_groups
from fieldmark.errors import SettingError
from fieldmark.structures import Record, RecordList

SPLITS = ("train", "val", "test")


def data_set(
    sizes: list[int], *, split: str | None = None, root: str = "/data/birds", group: str | None = None
) -> RecordList:
    """Make `sizes[c]` records of each class c."""
    records = [
        Record(Path(root) / f"class_{label}" / f"{number:03}.jpg", label, split=split, group=group)
        for label, size in enumerate(sizes)
        for number in range(size)
    ]
    return RecordList(records, [f"class_{label}" for label in range(len(sizes))])


def counts(records: RecordList) -> Counter[tuple[int, str]]:
    return Counter((record.label, str(record.split)) for record in records)


@st.composite
def grouped(draw: st.DrawFn, *, mixed: bool = True) -> tuple[RecordList, list[int]]:
    """Generate a data set with groups, of one class each or of several."""
    records = data_set(draw(st.lists(st.integers(1, 40), min_size=1, max_size=5)))
    numbers = draw(st.lists(st.integers(0, 25), min_size=len(records), max_size=len(records)))
    groups = [number if mixed else 100 * record.label + number for number, record in zip(numbers, records, strict=True)]
    return records, groups


fractions = st.sampled_from([0.1, 0.15, 0.2, 0.3, 0.5])


@settings(max_examples=80, deadline=None)
@given(data=grouped(), val=fractions, test=fractions, seed=st.integers(0, 99))
def test_groups_stay_together_and_every_class_keeps_train_photos(
    data: tuple[RecordList, list[int]], val: float, test: float, seed: int
) -> None:
    records, groups = data
    carved = carve(records, groups=groups, val_fraction=val, test_fraction=test, seed=seed)
    assert [record.path for record in carved] == records.paths
    assert {record.split for record in carved} <= set(SPLITS)
    splits_of = defaultdict(set)
    for record, group in zip(carved, groups, strict=True):
        splits_of[group].add(record.split)
    assert all(len(splits) == 1 for splits in splits_of.values())
    number = counts(carved)
    assert all(number[label, "train"] >= 1 for label in records.labels)


@settings(max_examples=80, deadline=None)
@given(data=grouped(mixed=False), val=fractions, test=fractions, seed=st.integers(0, 99))
def test_fractions_are_met_within_half_a_group_or_by_the_smallest(
    data: tuple[RecordList, list[int]], val: float, test: float, seed: int
) -> None:
    records, groups = data
    carved = carve(records, groups=groups, val_fraction=val, test_fraction=test, seed=seed)
    split_of = {group: record.split for group, record in zip(groups, carved, strict=True)}
    for label in set(records.labels):
        sizes = Counter(group for group, record in zip(groups, records, strict=True) if record.label == label)
        for split, fraction in (("test", test), ("val", val)):
            left = sum(sizes.values())
            got = sum(size for group, size in sizes.items() if split_of[group] == split)
            wanted = max(1, left * fraction)
            if left < MIN_PHOTOS:
                assert got == 0
            elif got == 0:  # even the smallest group contains more than half
                assert 2 * min(sizes.values()) > left
            else:
                assert abs(got - wanted) <= max(sizes.values()) / 2 + 0.5 or got == min(sizes.values())
            sizes = Counter({group: size for group, size in sizes.items() if split_of[group] != split})


@settings(max_examples=50, deadline=None)
@given(data=grouped(), seed=st.integers(0, 99), order=st.randoms(use_true_random=False))
def test_neither_order_nor_place_matters(data: tuple[RecordList, list[int]], seed: int, order) -> None:
    records, groups = data
    expected = {
        record.path.name + str(record.label): record.split for record in carve(records, groups=groups, seed=seed)
    }
    indices = list(range(len(records)))
    order.shuffle(indices)
    moved = records.like(
        Record(Path("/mnt/other") / record.path.relative_to("/data"), record.label)
        for record in (records[index] for index in indices)
    )
    renamed = [1000 - groups[index] for index in indices]
    carved = carve(moved, groups=renamed, seed=seed)
    assert {record.path.name + str(record.label): record.split for record in carved} == expected


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6), seed=st.integers(0, 9))
def test_without_groups_the_numbers_are_exact(sizes: list[int], seed: int) -> None:
    records = data_set(sizes)
    number = counts(carve(records, groups=range(len(records)), seed=seed))
    for label, size in enumerate(sizes):
        test = max(1, int(size * 0.2 + 0.5)) if size >= 3 else 0
        val = max(1, int((size - test) * 0.1 + 0.5)) if size - test >= 3 else 0
        assert (number[label, "test"], number[label, "val"]) == (test, val)


def test_seeds_draw_differently_and_repeat() -> None:
    records = data_set([30, 30])
    draws = [[record.split for record in carve(records, groups=range(60), seed=seed)] for seed in (0, 1, 0)]
    assert draws[0] == draws[2] != draws[1]


def test_adding_a_class_does_not_change_the_draw_of_the_others() -> None:
    few, more = data_set([20, 20]), data_set([20, 20, 20])
    splits = [record.split for record in carve(few, groups=range(40))]
    assert [record.split for record in carve(more, groups=range(60))][:40] == splits


def test_an_official_test_split_is_never_touched() -> None:
    records = data_set([20, 20], split="train")
    official = records.like(record.with_split("test") if i % 2 else record for i, record in enumerate(records))
    carved = carve(official, groups=range(40))
    for before, after in zip(official, carved, strict=True):
        assert (after.split == "test") == (before.split == "test")
    assert counts(carved)[0, "val"] == 1  # 10 % of the ten in train


def test_official_train_val_test_stay_as_they_are() -> None:
    records = data_set([9, 9])
    official = records.like(record.with_split(SPLITS[i % 3]) for i, record in enumerate(records))  # type: ignore[arg-type]
    assert list(carve(official, groups=range(18))) == list(official)


def test_a_val_split_without_a_class_is_used() -> None:
    records = data_set([10, 10], split="train")
    official = records.like(record.with_split("val") if i < 2 else record for i, record in enumerate(records))
    number = counts(carve(official, groups=range(20)))
    assert (number[0, "val"], number[1, "val"]) == (2, 0)
    assert (number[0, "test"], number[1, "test"]) == (2, 2)


def test_records_without_a_split_count_as_train_beside_an_official_test() -> None:
    records = data_set([20])
    official = records.like(record.with_split("test") if i < 5 else record for i, record in enumerate(records))
    assert counts(carve(official, groups=range(20))) == {(0, "test"): 5, (0, "val"): 2, (0, "train"): 13}


def test_a_leak_of_the_official_split_is_not_repaired_or_made_worse() -> None:
    """Train photos in one group with test photos stay in train with every seed."""
    records = data_set([12], split="train")
    official = records.like(record.with_split("test") if i < 3 else record for i, record in enumerate(records))
    groups = [0, 1, 2, 0, 1, 2, 6, 7, 8, 9, 10, 11]
    for seed in range(20):
        carved = carve(official, groups=groups, seed=seed)
        assert [record.split for record in carved[:6]] == ["test"] * 3 + ["train"] * 3
        assert counts(carved)[0, "val"] == 1


@pytest.mark.parametrize(("size", "test", "val"), [(1, 0, 0), (2, 0, 0), (3, 1, 0), (4, 1, 1), (5, 1, 1), (10, 2, 1)])
def test_tiny_classes(size: int, test: int, val: int) -> None:
    number = counts(carve(data_set([size]), groups=range(size)))
    assert (number[0, "test"], number[0, "val"], number[0, "train"]) == (test, val, size - test - val)


def test_large_groups_give_the_smallest_where_half_stays() -> None:
    number = counts(carve(data_set([40]), groups=[0] * 25 + [1] * 15, val_fraction=0))
    assert number == {(0, "train"): 25, (0, "test"): 15}
    assert counts(carve(data_set([40]), groups=[0] * 40)) == {(0, "train"): 40}


def test_groups_with_several_classes_stay_together_and_fractions_hold() -> None:
    """A group of the CSV (a patient) with photos of all classes."""
    records = data_set([60, 60, 60])
    patients = records.like(
        Record(record.path, record.label, group=f"patient {number % 20}") for number, record in enumerate(records)
    )
    carved = carve(patients, groups=range(180))
    splits_of = defaultdict(set)
    for record in carved:
        splits_of[record.group].add(record.split)
    assert all(len(splits) == 1 for splits in splits_of.values())
    for label in range(3):
        assert counts(carved)[label, "test"] == 12
        assert counts(carved)[label, "val"] in (6, 9)


def test_join_groups_joins_both_kinds() -> None:
    records = data_set([6])
    named = records.like(
        Record(record.path, 0, group=group)
        for record, group in zip(records, ["a", None, None, "a", "b", "b"], strict=True)
    )
    joined = join_groups(named, [0, 0, 1, 2, 3, 4])
    assert [joined[0] == joined[index] for index in range(6)] == [True, True, False, True, False, False]
    assert joined[4] == joined[5]
    assert join_groups(data_set([]), []) == []
    with pytest.raises(ValueError, match="expected a group for each of 6 records, got 2"):
        join_groups(records, [0, 1])


@pytest.mark.parametrize("setting", ["val_fraction", "test_fraction"])
def test_invalid_fractions_are_an_error(setting: str) -> None:
    with pytest.raises(SettingError) as caught:
        carve(data_set([3]), groups=range(3), **{setting: 0.9})
    assert str(caught.value) == f"{setting} must lie between 0 and 0.5, but is 0.9"


def test_zero_fractions_carve_nothing() -> None:
    assert counts(carve(data_set([9]), groups=range(9), val_fraction=0, test_fraction=0)) == {(0, "train"): 9}
