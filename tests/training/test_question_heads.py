"""Heads of further questions on embeddings of members that are trained already."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from fieldmark.arrays import Float32s, Ints
from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.member_spec import MemberSpec
from fieldmark.methods.linear_probe import LinearProbe
from fieldmark.structures import Record, RecordList, Split
from fieldmark.training.member import Trained, TrainedMember
from fieldmark.training.question_heads import train_heads, with_embeddings

SETTINGS = LinearProbe.Settings()
TRAIN, VAL = 60, 20


def table(labels: Ints, *, carved: bool) -> PhotoTable:
    splits: list[Split] = ["train"] * TRAIN + ["val"] * VAL
    records = RecordList(
        [
            Record(Path(f"{row}.jpg"), int(label), split)
            for row, (label, split) in enumerate(zip(labels, splits, strict=True))
        ],
        ("no", "yes", "maybe"),
    )
    keys = [f"{row:04}" for row in range(len(records))]
    return PhotoTable.of(records, range(len(records)), keys, val_carved=carved).for_training()


@pytest.fixture
def labels() -> Ints:
    return np.arange(TRAIN + VAL) % 3


@pytest.fixture
def rows(labels: Ints) -> Float32s:
    noise = np.random.default_rng(0).normal(size=(len(labels), 8))
    return (noise + 4 * np.eye(3, 8)[labels]).astype(np.float32)


def member(rows: Float32s, *, frozen: bool, learned_val: bool = False) -> TrainedMember:
    square = Preprocess(96)
    spec = MemberSpec(method="linear_probe", options={}, preprocess=square, views=1, weight=1.0, temperature=3.0)
    logits = np.zeros((VAL, 5), dtype=np.float32)  # of the first question, which has other classes
    view = (lambda positions, _: rows[positions]) if frozen else None
    return TrainedMember(
        spec, cast(Any, None), logits, learned_val, embed=lambda positions: rows[positions], embed_view=view
    )


def test_a_network_that_was_trained_is_measured_on_val_only(labels: Ints, rows: Float32s) -> None:
    """Its embeddings of train photos were made by what it learned of them, so nothing out of folds is honest."""
    known = table(labels, carved=True)
    everything = np.arange(len(known))
    found = train_heads(Trained([member(rows, frozen=False)]), known, everything, SETTINGS)
    (own,), (head,) = found.trained.members, found.heads
    assert own.out_of_fold is None
    assert not own.learned_val
    assert own.spec.temperature == 1.0
    np.testing.assert_allclose(own.val_logits, head(rows[TRAIN:]))
    assert (own.val_logits.argmax(1) == labels[TRAIN:]).mean() > 0.9
    others = labels.copy()
    others[TRAIN:] = (others[TRAIN:] + 1) % 3
    again = train_heads(Trained([member(rows, frozen=False)]), table(others, carved=True), everything, SETTINGS)
    np.testing.assert_array_equal(again.heads[0].weight, head.weight)


def test_a_head_on_frozen_features_learns_val_where_the_first_one_does(labels: Ints, rows: Float32s) -> None:
    known = table(labels, carved=True)
    everything = np.arange(len(known))
    found = train_heads(Trained([member(rows, frozen=True, learned_val=True)]), known, everything, SETTINGS)
    (own,) = found.trained.members
    assert own.learned_val
    assert own.out_of_fold is not None
    assert own.out_of_fold.logits.shape == (TRAIN + VAL, 3)
    np.testing.assert_array_equal(own.val_logits, own.out_of_fold.logits[TRAIN:])
    held = train_heads(Trained([member(rows, frozen=True)]), known, everything, SETTINGS).trained.members[0]
    assert held.out_of_fold is not None
    assert len(held.out_of_fold.logits) == TRAIN


def test_only_the_named_rows_teach(labels: Ints, rows: Float32s) -> None:
    """Photos without a label for the question may be anything."""
    known = table(labels, carved=True)
    some = np.flatnonzero(np.arange(len(known)) % 4 != 1)
    spoiled = rows.copy()
    spoiled[np.setdiff1d(np.arange(len(known)), some)] = 1e3
    heads = [
        train_heads(Trained([member(each, frozen=True)]), known.take(some), some, SETTINGS).heads[0]
        for each in (rows, spoiled)
    ]
    np.testing.assert_array_equal(heads[0].weight, heads[1].weight)


def test_the_unit_of_the_embedding_does_not_matter(labels: Ints, rows: Float32s) -> None:
    known, everything = table(labels, carved=True), np.arange(TRAIN + VAL)
    moved = (rows * 100 + 7).astype(np.float32)
    first, second = (
        train_heads(Trained([member(each, frozen=True)]), known, everything, SETTINGS) for each in (rows, moved)
    )
    np.testing.assert_allclose(second.heads[0](moved), first.heads[0](rows), atol=0.05)


def test_embeddings_that_no_cache_holds_are_computed_once(labels: Ints, rows: Float32s) -> None:
    calls: list[int] = []

    class Graph:
        def mean_embeddings(self, records: list[Record], views: int) -> Float32s:
            calls.append(len(records))
            return rows

    bare = replace(member(rows, frozen=False), embed=None, graph=cast(Any, Graph()))
    known = table(labels, carved=False)
    trained = with_embeddings(Trained([bare]), known)
    for _ in range(2):
        train_heads(trained, known, np.arange(len(known)), SETTINGS)
    assert calls == [TRAIN + VAL]
