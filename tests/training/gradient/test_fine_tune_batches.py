"""Which photos an epoch holds, and in which batches."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldmark.training.gradient.samplers import EpochBatches, EpochDraws


def test_an_epoch_holds_each_photo_once_in_an_order_of_its_own():
    draws = EpochDraws([0, 1] * 20, seed=3)
    first, again = list(draws), list(draws)
    draws.set_epoch(1)
    second = list(draws)
    assert first == again
    assert first != second
    assert sorted(index for index, _ in first) == sorted(index for index, _ in second) == list(range(40))
    assert len({seed for _, seed in first + second}) == 80


def test_balanced_draws_even_out_50_to_2():
    labels = [0] * 50 + [1] * 2
    drawn = [index for index, _ in EpochDraws(labels, seed=0, balanced=True)]
    assert Counter(labels[index] for index in drawn) == {0: 26, 1: 26}
    counts = Counter(drawn)
    assert counts[50] == counts[51] == 13
    assert all(counts[index] <= 1 for index in range(50))


@given(count=st.integers(1, 200), batch_size=st.integers(1, 40))
def test_batches_drop_no_photo_and_differ_by_one_at_most(count, batch_size):
    batches = EpochBatches(EpochDraws([0] * count, seed=0), batch_size)
    epoch = list(batches)
    sizes = [len(batch) for batch in epoch]
    assert len(epoch) == len(batches) == -(-count // batch_size)
    assert sorted(index for batch in epoch for index, _ in batch) == list(range(count))
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_an_epoch_in_equally_many_steps(world_size):
    ranks = [EpochBatches(EpochDraws([0] * 31, seed=0), 4, rank, world_size) for rank in range(world_size)]
    epochs = [list(rank) for rank in ranks]
    assert len({tuple(len(batch) for batch in epoch) for epoch in epochs}) == 1
    assert {index for epoch in epochs for batch in epoch for index, _ in batch} == set(range(31))
