"""Laws of several photos that answer as one."""

from __future__ import annotations

import numpy as np
import pytest

from fieldmark.recognizer.specimen import fuse_photos, majority_set


def test_one_photo_stays_as_it_is() -> None:
    row = np.array([[0.7, 0.2, 0.1]])
    np.testing.assert_allclose(fuse_photos(row), row[0])
    assert majority_set(np.array([[True, False, True]])).tolist() == [True, False, True]


def test_the_order_of_photos_does_not_matter() -> None:
    rows = np.random.default_rng(0).dirichlet(np.ones(5), 4)
    np.testing.assert_allclose(fuse_photos(rows), fuse_photos(rows[::-1]))
    assert fuse_photos(rows).sum() == pytest.approx(1.0)


def test_without_independence_copies_add_nothing_and_with_it_they_multiply() -> None:
    row = np.array([0.6, 0.3, 0.1])
    copies = np.stack([row] * 3)
    np.testing.assert_allclose(fuse_photos(copies, 0.0), row)
    np.testing.assert_allclose(fuse_photos(copies, 1.0), row**3 / (row**3).sum())
    assert row[0] < fuse_photos(copies)[0] < fuse_photos(copies, 1.0)[0]


def test_a_photo_that_rules_a_class_out_weighs_more_than_one_that_likes_it() -> None:
    rows = np.array([[0.5, 0.49, 0.01], [0.0, 0.6, 0.4]])
    assert fuse_photos(rows).argmax() == 1
    assert fuse_photos(rows)[0] < 1e-3


def test_majority_sets_hold_the_truth_however_dependent_the_photos() -> None:
    """Each set misses with probability a / 2; together at most a, whether photos err alone or all at once."""
    rng = np.random.default_rng(0)
    for shared in (0.0, 0.5, 1.0):
        alone, together = rng.random((4000, 3)), rng.random((4000, 1))
        draws = np.where(rng.random((4000, 1)) < shared, together, alone)
        missed = [not majority_set(held[:, None])[0] for held in draws > 0.1]
        assert np.mean(missed) <= 0.2
