"""Cross-validation picks the descriptors that separate the classes, and no larger set without a gain."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from fieldmark.backbones.feature_cache import FeatureCache, row_key
from fieldmark.backbones.feature_table import FeatureTable
from fieldmark.training.frozen.choose_head import C_GRID, HeadChoice, choose_head, refit, thin_out
from fieldmark.training.frozen.fold_numbers import fold_numbers

CLASSES, EACH = 3, 30
LABELS = np.repeat(np.arange(CLASSES), EACH)
GROUPS = np.arange(len(LABELS))
POSITIONS = np.arange(len(LABELS))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> FeatureTable:
    """``good`` separates the classes, ``noise`` does not, ``twin`` is a copy of ``good``."""
    rng = np.random.default_rng(0)
    good = rng.normal(size=(CLASSES, 6))[LABELS] + 0.3 * rng.normal(size=(len(LABELS), 6))
    noise = rng.normal(size=(len(LABELS), 6))
    values = np.concatenate([good, noise, good], axis=1).astype(np.float32)
    cache = FeatureCache(tmp_path_factory.mktemp("table"), 18)
    cache.append([row_key(f"{number}") for number in range(len(LABELS))], values)
    mirrored = values + 0.05 * rng.normal(size=values.shape).astype(np.float32)
    cache.append([row_key(f"{number}", mirror=True) for number in range(len(LABELS))], mirrored)
    rows = np.stack([np.arange(len(LABELS)), len(LABELS) + np.arange(len(LABELS))], 1)
    return FeatureTable(cache, rows, {"good": slice(0, 6), "noise": slice(6, 12), "twin": slice(12, 18)}, {})


def _choose(table: FeatureTable, *candidates: tuple[str, ...], seed: int = 0) -> HeadChoice:
    return choose_head(table, POSITIONS, LABELS, GROUPS, candidates, CLASSES, seed=seed)


def test_the_informative_descriptor_wins(table: FeatureTable) -> None:
    for candidates in ((("noise",), ("good",)), (("good",), ("noise",))):
        choice = _choose(table, *candidates)
        assert choice.names == ("good",)
        assert choice.accuracy > 0.9
        assert choice.C in C_GRID


def test_a_larger_set_that_adds_nothing_loses(table: FeatureTable) -> None:
    assert _choose(table, ("good",), ("good", "twin")).names == ("good",)


def test_noise_is_at_chance(table: FeatureTable) -> None:
    """Out-of-fold accuracy is not optimistic: noise scores like guessing."""
    assert _choose(table, ("noise",)).accuracy < 0.5


def test_the_logits_are_out_of_fold(table: FeatureTable) -> None:
    choice = _choose(table, ("good",))
    assert choice.logits.shape == (len(LABELS), CLASSES)
    assert choice.accuracy == pytest.approx((choice.logits.argmax(1) == LABELS).mean())
    assert choice.label == "good"


def test_the_same_seed_gives_the_same_choice(table: FeatureTable) -> None:
    one, other = _choose(table, ("noise",), ("good",), seed=3), _choose(table, ("noise",), ("good",), seed=3)
    assert (one.names, one.C) == (other.names, other.C)
    np.testing.assert_array_equal(one.logits, other.logits)
    assert not np.array_equal(one.logits, _choose(table, ("noise",), ("good",), seed=4).logits)


@pytest.mark.parametrize("seed", range(5))
def test_groups_stay_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 200)
    groups = labels * 50 + rng.integers(0, 12, 200)
    folds = fold_numbers(labels, groups, 4, seed)
    assert all(len(np.unique(folds[groups == group])) == 1 for group in np.unique(groups))
    assert set(folds) == {0, 1, 2, 3}


def test_every_fold_has_every_class() -> None:
    folds = fold_numbers(LABELS, GROUPS, 4, 0)
    assert all(set(LABELS[folds == fold]) == set(range(CLASSES)) for fold in range(4))


def test_a_rare_class_does_not_reduce_the_folds_or_cause_a_warning() -> None:
    labels = np.array([0] * 20 + [1] * 3 + [2] * 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folds = fold_numbers(labels, np.arange(24), 5, 0)
    assert set(folds) == set(range(5))
    assert len(set(folds[labels == 1])) == 3


def test_tiny_classes_reduce_the_folds() -> None:
    assert set(fold_numbers(np.repeat([0, 1], 3), np.arange(6), 5, 0)) == {0, 1, 2}


@pytest.mark.parametrize("groups", [[0, 1, 2, 3], [0, 0, 1, 1]])
def test_a_single_group_of_each_class_can_still_be_fitted(groups: list[int]) -> None:
    folds = fold_numbers(np.array([0, 0, 1, 1] if groups[1] == 0 else [0, 1, 2, 3]), np.array(groups), 4, 0)
    assert set(folds) == {0, 1}


def test_many_photos_are_thinned_out_evenly() -> None:
    labels = np.array([0] * 500 + [1] * 40 + [2] * 5)
    chosen = thin_out(labels, 100, 0)
    assert len(chosen) == len(set(chosen)) == 100
    assert list(np.bincount(labels[chosen])) == [55, 40, 5]
    np.testing.assert_array_equal(thin_out(labels, 1000, 0), np.arange(545))


def test_the_refitted_head_uses_all_photos(table: FeatureTable) -> None:
    choice = _choose(table, ("good",))
    scalings, head = refit(table, POSITIONS, LABELS, choice, CLASSES)
    for view in range(2):
        logits = head(scalings["good"](table.read("good", view=view)))
        assert (logits.argmax(1) == LABELS).mean() > 0.95


def test_views_do_not_change_the_weight_of_a_photo(table: FeatureTable) -> None:
    """Two equal views with C / 2 each are one view with C."""
    twice = FeatureTable(table.cache, table.rows[:, [0, 0]], table.columns, {})
    once = FeatureTable(table.cache, table.rows[:, :1], table.columns, {})
    choice = _choose(table, ("good",))
    (_, one), (_, two) = (refit(each, POSITIONS, LABELS, choice, CLASSES) for each in (once, twice))
    np.testing.assert_allclose(one.weight, two.weight, atol=2e-2)


def test_views_of_a_choice_are_averaged(table: FeatureTable) -> None:
    """The same view twice changes nothing; a second view that is noise changes the logits."""
    alone = _choose(table, ("good",))
    doubled = FeatureTable(table.cache, table.rows[:, [0, 0]], table.columns, {})
    both = choose_head(doubled, POSITIONS, LABELS, GROUPS, [("good",)], CLASSES, views=(0, 1))
    np.testing.assert_allclose(both.logits, alone.logits, atol=5e-2)
    assert both.logits.shape == alone.logits.shape
    mixed = choose_head(table, POSITIONS, LABELS, GROUPS, [("good",)], CLASSES, views=(0, 1))
    assert np.abs(mixed.logits - alone.logits).max() > 1e-3
