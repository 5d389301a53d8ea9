"""Draws without some classes: who is left out when, that nothing seen is looked at, and how a score is chosen."""

from __future__ import annotations

import numpy as np
import pytest

from fieldmark.arrays import unit_rows
from fieldmark.openset.leave_class_out import FOLDS, _narrow, auroc_by_score, choose_score, leave_class_out
from fieldmark.openset.projection import Projection
from fieldmark.scores import UNKNOWN_SCORES

rng = np.random.default_rng(2)
LABELS = np.random.default_rng(1).integers(12, size=600)
ROWS = unit_rows(rng.normal(size=(12, 24))[LABELS] * 2 + rng.normal(size=(600, 24)))
TRAIN, TRAIN_LABELS, VAL, VAL_LABELS = ROWS[:450], LABELS[:450], ROWS[450:], LABELS[450:]
DRAWS = leave_class_out(TRAIN, TRAIN_LABELS, VAL, VAL_LABELS, np.arange(450))


def test_every_class_is_left_out_once_with_all_its_photos() -> None:
    assert len(DRAWS) == FOLDS
    assert sorted(np.concatenate([np.unique(draw.unknown_labels) for draw in DRAWS])) == list(range(12))
    for draw in DRAWS:
        out = np.unique(draw.unknown_labels)
        assert draw.unknown_from_train.sum() == np.isin(TRAIN_LABELS, out).sum()
        assert (~draw.unknown_from_train).sum() == np.isin(VAL_LABELS, out).sum()
        assert draw.known.probabilities.shape == (len(draw.labels), 12 - len(out))


def test_folds_are_tested_only_on_photos_that_they_were_not_fitted_on() -> None:
    """A photo that is looked at lies nowhere among the landmarks, which are the fitted photos."""
    for draw in DRAWS:
        for photos in (draw.known, draw.unknown):
            assert (photos.vectors @ photos.reference_vectors.T).max() < 1 - 1e-5
        stayed = np.isin(TRAIN_LABELS, np.unique(draw.unknown_labels), invert=True).sum()
        val = np.isin(VAL_LABELS, np.unique(draw.unknown_labels), invert=True).sum()
        assert len(draw.known.reference_vectors) + len(draw.labels) == stayed + val
        assert (len(draw.labels) - val) / stayed == pytest.approx(1 / FOLDS, abs=0.03)


def test_photos_of_one_moment_are_held_back_together() -> None:
    twice, labels = np.repeat(TRAIN[:150], 2, axis=0), np.repeat(TRAIN_LABELS[:150], 2)
    for draw in leave_class_out(twice, labels, VAL[:0], VAL_LABELS[:0], np.repeat(np.arange(150), 2)):
        assert (draw.known.vectors @ draw.known.reference_vectors.T).max() < 1 - 1e-5


def test_only_val_photos_are_used_if_the_model_is_overconfident_on_train_photos() -> None:
    """Val as noisy as photos of another place: far fewer of them are answered right than train photos."""
    blurred = unit_rows(VAL + 2.0 * rng.normal(size=VAL.shape) / np.sqrt(24))
    draws = leave_class_out(TRAIN, TRAIN_LABELS, blurred, VAL_LABELS, np.arange(450))
    assert np.mean([draw.calibration_shift for draw in draws]) > 3.84
    assert not any(draw.known_from_train.any() for draw in draws)
    assert sum(len(draw.labels) for draw in draws) == 4 * len(VAL) + sum(
        np.isin(VAL_LABELS, np.unique(draw.unknown_labels)).sum() for draw in draws
    ) - len(VAL)
    assert all(draw.known_from_train.any() for draw in DRAWS)


def test_two_classes_and_no_val_are_enough_and_one_is_not() -> None:
    two = TRAIN_LABELS < 2
    draws = leave_class_out(TRAIN[two], TRAIN_LABELS[two], VAL[:0], VAL_LABELS[:0], np.arange(two.sum()))
    assert [draw.known.probabilities.shape[1] for draw in draws] == [1, 1]
    assert auroc_by_score(draws) == {}
    one = TRAIN_LABELS == 0
    assert leave_class_out(TRAIN[one], TRAIN_LABELS[one], VAL[:0], VAL_LABELS[:0], np.arange(one.sum())) == []


def test_long_embeddings_are_narrowed_without_a_change() -> None:
    rows = rng.normal(size=(40, 300)).astype(np.float32)
    narrow = _narrow(rows)
    assert narrow.shape == (40, 40)
    np.testing.assert_allclose(narrow @ narrow.T, unit_rows(rows) @ unit_rows(rows).T, atol=1e-5)
    short, long = (Projection.fit(some, limit=39)(some) for some in (narrow, rows))
    np.testing.assert_allclose(short @ short.T, long @ long.T, atol=1e-3)
    assert _narrow(TRAIN).shape == TRAIN.shape


def test_left_out_classes_are_detected_by_every_score() -> None:
    simulated = auroc_by_score(DRAWS)
    assert set(simulated) == set(UNKNOWN_SCORES)
    assert all(len(values) == FOLDS for values in simulated.values())
    assert np.mean(simulated["nearest"]) > 0.8


def test_another_score_is_chosen_only_if_it_is_significantly_better() -> None:
    assert choose_score({"joint": [0.8, 0.9, 0.7, 0.8], "energy": [0.9, 0.8, 0.8, 0.75]}) == "joint"
    assert choose_score({"joint": [0.8, 0.9, 0.7, 0.8], "energy": [0.9, 0.99, 0.8, 0.91]}) == "energy"
