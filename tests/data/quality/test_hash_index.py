"""Pairs of near hashes against a comparison of each hash with each."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fieldmark.data.quality import hash_index
from fieldmark.data.quality.hash_index import HashIndex


def drawn(seed: int, count: int) -> NDArray[np.uint64]:
    """Hashes at every small distance from each other: each is an earlier one with up to 20 bits changed, or new."""
    random = np.random.default_rng(seed)
    hashes = random.integers(2**64, size=count, dtype=np.uint64)
    for index in range(1, count, 2):
        bits = random.permutation(64)[: random.integers(21)]
        hashes[index] = hashes[random.integers(index)] ^ np.uint64(sum(1 << int(bit) for bit in bits))
    return hashes


def found(index: HashIndex, queries: NDArray[np.uint64]) -> Counter[tuple[int, int]]:
    return Counter(pair for a, b in index.pairs(queries) for pair in zip(a.tolist(), b.tolist(), strict=True))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(0, 60),
    radius=st.integers(0, 14),
    bands=st.sampled_from([None, 4, 5, 7, 16]),
)
def test_pairs_are_those_within_the_radius_each_once(seed: int, count: int, radius: int, bands: int | None) -> None:
    hashes = drawn(seed, count)
    queries = np.concatenate([hashes[::2], drawn(seed + 1, 10)])
    expected = {
        (a, b)
        for a, one in enumerate(hashes.tolist())
        for b, other in enumerate(queries.tolist())
        if (one ^ other).bit_count() <= radius
    }
    assert found(HashIndex(hashes, radius, bands=bands), queries) == Counter(expected)


def test_few_at_once_and_equal_hashes_give_the_same_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = np.concatenate([drawn(0, 40), np.zeros(30, np.uint64)])
    expected = found(HashIndex(hashes, 12, bands=5), hashes)
    monkeypatch.setattr(hash_index, "_AT_ONCE", 11)
    assert found(HashIndex(hashes, 12, bands=5), hashes) == expected
    assert sum(expected.values()) > 30 * 30


def test_more_hashes_take_fewer_and_longer_bands() -> None:
    numbers = [len(HashIndex(np.zeros(count, np.uint64), 12)._bands) for count in (100, 10_000, 100_000)]
    assert numbers == sorted(numbers, reverse=True)
    assert numbers[0] > numbers[-1]
