"""Epochs for stages, and what fits into a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldmark.methods.base import Stage
from fieldmark.training.gradient.epoch_plan import combined_freeze, stage_epochs, steps_within


@pytest.mark.parametrize(
    ("shares", "epochs", "expected"),
    [((1.0,), 20, [20]), ((0.2, 0.8), 20, [4, 16]), ((0.1, 0.9), 3, [1, 2]), ((0.5, 0.5), 1, [1, 1])],
)
def test_epochs_follow_the_shares_with_one_at_least(shares, epochs, expected):
    assert stage_epochs([Stage("", share=share) for share in shares], epochs) == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [(None, None, None), ("b", None, "b"), (None, "a", "a"), ("b", "a", "b"), ("a", "all", "all")],
)
def test_the_further_reaching_freeze_holds(first, second, expected):
    assert combined_freeze(["a", "b"], first, second) == expected


def test_whole_epochs_are_planned_where_they_fit():
    # 10 steps of 1 s and 2 s of validation: 12 s an epoch; after 3 steps, 9 s are left of the first.
    assert steps_within(9 + 12 * 4 + 5, step=1.0, val=2.0, epoch_steps=10, done=3) == 50


def test_a_part_of_an_epoch_is_planned_where_no_whole_one_fits():
    assert steps_within(7.5, step=1.0, val=2.0, epoch_steps=10, done=3) == 3 + 5


@given(
    seconds=st.floats(0, 1000),
    step=st.floats(0.01, 5),
    val=st.floats(0, 50),
    epoch_steps=st.integers(1, 50),
    done=st.integers(0, 49),
)
def test_what_is_planned_takes_no_longer_than_there_is_time(seconds, step, val, epoch_steps, done):
    total = steps_within(seconds, step=step, val=val, epoch_steps=epoch_steps, done=done)
    validations = -(-total // epoch_steps) - done // epoch_steps
    assert total >= done
    if total > done:
        assert (total - done) * step + validations * val <= seconds + 1e-6
