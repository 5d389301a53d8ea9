"""Cells of embeddings: few comparisons, and the near pairs are among them."""

from __future__ import annotations

import numpy as np
import pytest

from fieldmark.arrays import Float32s, unit_rows
from fieldmark.data.quality import embedding_cells
from fieldmark.data.quality.embedding_cells import cells


def photos(count: int, seed: int = 0) -> Float32s:
    """Embeddings of 20 kinds; every tenth is a near-duplicate of the one before it, at a cosine of about 0.95."""
    random = np.random.default_rng(seed)
    kinds = random.normal(size=(20, 64))
    rows = unit_rows(kinds[random.integers(20, size=count)] + random.normal(size=(count, 64)))
    shift = random.normal(size=rows[::10].shape)
    rows[1::10] = unit_rows(rows[::10] + 0.3 * unit_rows(shift))[: len(rows[1::10])]
    return rows


def compared(rows: Float32s, **options: int) -> tuple[set[tuple[int, int]], int]:
    """Pairs at a cosine of at least 0.93, and the number of comparisons."""
    pairs, work = set(), 0
    for members, visitors in cells(rows, **options):
        hits = np.argwhere(rows[members] @ rows[visitors].T >= 0.93)
        pairs |= {tuple(sorted((int(members[a]), int(visitors[b])))) for a, b in hits if members[a] != visitors[b]}
        work += len(members) * len(visitors)
    return pairs, work


def test_few_embeddings_are_compared_each_with_each(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = photos(500)
    expected = {(int(a), int(b)) for a, b in np.argwhere(np.triu(rows @ rows.T >= 0.93, 1))}
    assert len(expected) >= 50
    assert compared(rows)[0] == expected
    monkeypatch.setattr(embedding_cells, "_BLOCK", 64)
    assert compared(rows)[0] == expected


def test_many_embeddings_take_a_fraction_of_the_comparisons_and_lose_no_pair() -> None:
    rows = photos(4000)
    whole, _ = compared(rows)
    found, work = compared(rows, exact=100)
    assert len(found) >= 0.99 * len(whole)
    assert found <= whole
    assert work < 0.15 * len(rows) ** 2
    assert compared(rows, exact=100) == (found, work)


def test_equal_embeddings_are_all_compared() -> None:
    rows = np.tile(unit_rows(np.ones((1, 8), np.float32)), (60, 1))
    assert len(compared(rows, exact=10)[0]) == 60 * 59 // 2
