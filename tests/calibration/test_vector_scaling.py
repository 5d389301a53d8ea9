"""Temperature or vector: whichever cross-validation believes; and the photos that it may look at."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fieldmark.arrays import log_softmax
from fieldmark.calibration.temperature import fit_temperature, negative_log_likelihood, pooled_temperature
from fieldmark.calibration.vector_scaling import MIN_PHOTOS_PER_CLASS, choose_scaling, fit_vector_scaling

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def _photos(count: int, seed: int, *, sharp: float = 1.0, tilt: float = 0.0) -> tuple[Floats, Ints]:
    """Labels drawn from the softmax of logits that then come `sharp` times too large, some classes shifted."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(count, 4)) * 2
    labels = np.array([rng.choice(4, p=row) for row in np.exp(log_softmax(logits))])
    return logits * sharp + np.array([tilt, -tilt, 0.0, 0.0]), labels


def test_few_photos_get_only_a_temperature() -> None:
    logits, labels = _photos(int(4 * MIN_PHOTOS_PER_CLASS) - 1, 0, tilt=2.0)
    assert choose_scaling(logits, labels, 1.5).kind == "temperature"
    logits, labels = _photos(400, 0, sharp=2.0)
    chosen = choose_scaling(logits, labels, fit_temperature(logits, labels))
    assert (chosen.kind, len(chosen.scale)) == ("temperature", 1)


def test_biased_classes_get_vector_scaling_and_lower_loss() -> None:
    logits, labels = _photos(600, 0, tilt=1.0)
    chosen = choose_scaling(logits, labels, fit_temperature(logits, labels))
    assert chosen.kind == "vector"
    fresh, truth = _photos(3000, 1, tilt=1.0)
    after = -np.log(chosen(fresh)[np.arange(3000), truth]).mean()
    assert after < negative_log_likelihood(fresh / fit_temperature(logits, labels), truth) - 0.02


def test_vector_scaling_is_the_temperature_where_its_prior_is_narrow() -> None:
    logits, labels = _photos(200, 0, sharp=2.0)
    narrow = fit_vector_scaling(logits, labels, 1e-4)
    np.testing.assert_allclose(narrow.scale, 1 / fit_temperature(logits, labels), atol=1e-3)
    np.testing.assert_allclose(narrow.shift, 0, atol=1e-3)


def test_out_of_fold_photos_join_val_where_they_agree() -> None:
    val, truth = _photos(40, 0, sharp=2.0)
    folds, fold_truth = _photos(2000, 1, sharp=2.0)
    found = pooled_temperature(val, truth, folds, fold_truth)
    together = fit_temperature(np.concatenate([val, folds]), np.concatenate([truth, fold_truth]))
    assert found == pytest.approx(together)
    assert found == pytest.approx(2.0, rel=0.1)


def test_if_they_contradict_val_only_val_counts_and_the_temperature_is_under_confident() -> None:
    val, truth = _photos(150, 0, sharp=4.0)
    folds, fold_truth = _photos(2000, 1, sharp=1.0)
    found = pooled_temperature(val, truth, folds, fold_truth)
    assert fit_temperature(val, truth) < found < 1.6 * fit_temperature(val, truth)


def test_without_val_the_folds_decide() -> None:
    folds, fold_truth = _photos(500, 1, sharp=2.0)
    none = np.zeros((0, 4)), np.zeros(0, dtype=np.int64)
    assert pooled_temperature(*none, folds, fold_truth) == fit_temperature(folds, fold_truth)
