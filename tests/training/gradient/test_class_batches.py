"""Batches of several photos of each of several classes."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldmark.training.gradient.samplers import Draw, EpochBatches, EpochDraws


def runs(draws: list[Draw], per_class: int) -> list[list[int]]:
    indices = [index for index, _ in draws]
    return [indices[start : start + per_class] for start in range(0, len(indices), per_class)]


@given(
    labels=st.lists(st.integers(0, 5), min_size=1, max_size=60),
    per_class=st.integers(2, 5),
    seed=st.integers(0, 99),
    balanced=st.booleans(),
)
def test_runs_are_of_one_class(labels, per_class, seed, balanced):
    draws = EpochDraws(labels, seed, balanced, per_class)
    epoch = list(draws)
    assert len(epoch) == len(draws)
    sizes = Counter(labels)
    for run in runs(epoch, per_class):
        assert len({labels[index] for index in run}) == 1
        assert len(set(run)) == min(per_class, sizes[labels[run[0]]])  # no photo twice where the class has others
    if not balanced:
        assert {index for index, _ in epoch} == set(range(len(labels)))  # no photo is left out
        assert len(epoch) == sum(-(-size // per_class) * per_class for size in sizes.values())
    assert epoch == list(draws)
    draws.set_epoch(1)
    assert epoch != list(draws)


def test_balanced_draws_give_each_class_equally_many_runs():
    labels = [0] * 30 + [1] * 3 + [2] * 9
    epoch = list(EpochDraws(labels, 0, balanced=True, per_class=4))
    assert Counter(labels[run[0]] for run in runs(epoch, 4)) == {0: 4, 1: 4, 2: 4}


@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=8), per_class=st.integers(2, 4), room=st.integers(1, 30))
def test_batches_cut_no_run(sizes, per_class, room):
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    draws = EpochDraws(labels, 0, per_class=per_class)
    batches = EpochBatches(draws, room)
    epoch = list(batches)
    assert len(epoch) == len(batches)
    assert list(itertools.chain(*epoch)) == list(draws)
    lengths = [len(batch) for batch in epoch]
    assert all(length % per_class == 0 for length in lengths)
    assert max(lengths) <= max(room, per_class)
    assert max(lengths) - min(lengths) <= per_class


def test_a_batch_holds_as_many_classes_as_it_can():
    """Eight equal classes, and room for four of them: no batch has a class twice, unless two rounds meet in it."""
    labels = [label for label in range(8) for _ in range(12)]
    for batch in EpochBatches(EpochDraws(labels, 3, per_class=4), 16):
        assert Counter(labels[index] for index, _ in batch) == dict.fromkeys({labels[index] for index, _ in batch}, 4)


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_runs_in_equally_many_steps(world_size):
    labels = [label for label in range(5) for _ in range(9)]
    draws = EpochDraws(labels, 0, per_class=4)
    ranks = [list(EpochBatches(draws, 8, rank, world_size)) for rank in range(world_size)]
    assert len({tuple(len(batch) for batch in epoch) for epoch in ranks}) == 1
    assert {index for epoch in ranks for batch in epoch for index, _ in batch} == set(range(len(labels)))
    for epoch in ranks:
        for batch in epoch:
            assert all(len({labels[index] for index in run}) == 1 for run in runs(batch, 4))


def test_one_by_one_is_the_order_without_runs():
    labels = [0, 1, 2] * 7
    assert (
        list(EpochDraws(labels, 5))
        == list(EpochDraws(labels, 5, per_class=None))
        == list(EpochDraws(labels, 5, per_class=1))
    )
