"""Bootstrap and McNemar against closed forms and a slow loop."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from fieldmark.evaluation.paired_tests import mcnemar_exact, paired_bootstrap


def _pair(won: int, lost: int, both: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    ours = np.array([True] * won + [False] * lost + [True] * both + [False] * neither)
    theirs = np.array([False] * won + [True] * lost + [True] * both + [False] * neither)
    return ours, theirs


@pytest.mark.parametrize(("won", "lost"), [(9, 1), (1, 9), (5, 5), (7, 4), (12, 0), (0, 1)])
def test_mcnemar_is_the_two_tails_of_a_fair_coin(won: int, lost: int) -> None:
    total = won + lost
    tail = sum(comb(total, k) for k in range(min(won, lost) + 1)) / 2**total
    assert mcnemar_exact(*_pair(won, lost, 20, 3)) == pytest.approx(min(1.0, 2 * tail), rel=1e-12)


def test_mcnemar_of_models_that_never_disagree_is_one() -> None:
    assert mcnemar_exact(*_pair(0, 0, 10, 5)) == 1.0


def test_mcnemar_does_not_ask_who_comes_first() -> None:
    ours, theirs = _pair(8, 3, 30, 10)
    assert mcnemar_exact(ours, theirs) == mcnemar_exact(theirs, ours)


def test_the_bootstrap_meets_the_normal_interval_of_many_photos() -> None:
    generator = np.random.default_rng(0)
    ours, theirs = generator.random((3, 4000)) < 0.8, generator.random((3, 4000)) < 0.75
    found = paired_bootstrap(ours, theirs)
    gain = ours.mean(0) - theirs.mean(0)
    half = 1.96 * gain.std() / np.sqrt(len(gain))
    assert found.mean == pytest.approx(gain.mean())
    assert found.low == pytest.approx(gain.mean() - half, abs=0.05 * half)
    assert found.high == pytest.approx(gain.mean() + half, abs=0.05 * half)


def test_the_bootstrap_draws_whole_photos_like_a_plain_loop() -> None:
    generator = np.random.default_rng(1)
    ours, theirs = generator.random((2, 120)) < 0.7, generator.random((2, 120)) < 0.6
    loop = []
    for _ in range(6000):
        photos = generator.integers(0, 120, 120)
        loop.append(ours[:, photos].mean() - theirs[:, photos].mean())
    low, high = np.quantile(loop, (0.025, 0.975))
    found = paired_bootstrap(ours, theirs)
    assert found.low == pytest.approx(low, abs=0.012)
    assert found.high == pytest.approx(high, abs=0.012)


def test_equal_models_differ_by_nothing() -> None:
    hits = np.random.default_rng(2).random((2, 50)) < 0.5
    found = paired_bootstrap(hits, hits)
    assert (found.mean, found.low, found.high) == (0.0, 0.0, 0.0)


def test_turning_the_pair_around_turns_the_interval_around() -> None:
    generator = np.random.default_rng(3)
    ours, theirs = generator.random((1, 300)) < 0.7, generator.random((1, 300)) < 0.6
    forth, back = paired_bootstrap(ours, theirs), paired_bootstrap(theirs, ours)
    assert back.mean == pytest.approx(-forth.mean)
    assert back.low == pytest.approx(-forth.high, abs=0.01)


def test_a_copy_of_every_seed_changes_nothing() -> None:
    generator = np.random.default_rng(4)
    ours, theirs = generator.random((1, 200)) < 0.7, generator.random((1, 200)) < 0.6
    assert paired_bootstrap(ours, theirs) == paired_bootstrap(np.repeat(ours, 3, 0), np.repeat(theirs, 3, 0))
