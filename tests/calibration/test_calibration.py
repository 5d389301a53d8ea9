"""Calibration against slow oracles and other libraries."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import log_softmax as scipy_log_softmax
from sklearn.metrics import log_loss
from torchmetrics.functional.classification import multiclass_calibration_error

from fieldmark.calibration.temperature import (
    expected_calibration_error,
    fit_temperature,
    log_softmax,
    negative_log_likelihood,
)


def _logits(count: int, classes: int, sharpness: float, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Labels drawn from the softmax of some logits, which then come `sharpness` times too large."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(count, classes)) * 2
    probabilities = np.exp(scipy_log_softmax(logits, axis=1))
    labels = np.array([rng.choice(classes, p=row) for row in probabilities])
    return (logits * sharpness).astype(np.float32), labels


def test_log_softmax_is_that_of_scipy_even_where_numbers_are_huge() -> None:
    logits, _ = _logits(20, 5, 1.0)
    for factor in (1.0, 1e4):
        np.testing.assert_allclose(
            log_softmax(logits * factor), scipy_log_softmax((logits * factor).astype(float), axis=1)
        )


def test_likelihood_is_that_of_scikit_learn() -> None:
    logits, labels = _logits(50, 4, 1.0)
    oracle = log_loss(labels, np.exp(log_softmax(logits)), labels=range(4))
    assert negative_log_likelihood(logits, labels) == pytest.approx(oracle, rel=1e-6)


@pytest.mark.parametrize("bins", [10, 15])
def test_calibration_error_is_that_of_torchmetrics(bins: int) -> None:
    logits, labels = _logits(400, 6, 2.0)
    probabilities = np.exp(log_softmax(logits))
    oracle = multiclass_calibration_error(torch.from_numpy(probabilities), torch.from_numpy(labels), 6, n_bins=bins)
    assert expected_calibration_error(probabilities, labels, bins) == pytest.approx(float(oracle), abs=1e-6)


def test_calibration_error_by_hand() -> None:
    """Two photos at 0.9, one right: |0.5 - 0.9|; two at 0.6, both right: |1 - 0.6|."""
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    assert expected_calibration_error(probabilities, np.array([0, 1, 1, 1])) == pytest.approx(0.4)


def test_confidence_one_belongs_to_the_last_bin() -> None:
    assert expected_calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0.0


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 4.0])
def test_the_temperature_undoes_what_sharpened_the_logits(sharpness: float) -> None:
    logits, labels = _logits(4000, 5, sharpness)
    assert fit_temperature(logits, labels) == pytest.approx(sharpness, rel=0.1)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("count", [1, 3, 10, 200])
def test_the_temperature_never_raises_the_likelihood_loss_on_its_own_photos(count: int, seed: int) -> None:
    logits, labels = _logits(count, 4, float(np.random.default_rng(seed).uniform(0.2, 5)), seed)
    before = negative_log_likelihood(logits, labels)
    assert negative_log_likelihood(logits / fit_temperature(logits, labels), labels) <= before + 1e-6


def test_the_temperature_lowers_the_loss_of_an_overconfident_network() -> None:
    logits, labels = _logits(500, 5, 5.0)
    temperature = fit_temperature(logits, labels)
    assert negative_log_likelihood(logits / temperature, labels) < 0.8 * negative_log_likelihood(logits, labels)


def test_many_photos_outweigh_the_prior() -> None:
    """With enough photos the temperature is that of the plain maximum of the likelihood."""
    logits, labels = _logits(2000, 5, 3.0)
    grid = np.exp(np.linspace(-1, 3, 2001))
    best = grid[np.argmin([negative_log_likelihood(logits / t, labels) for t in grid])]
    assert fit_temperature(logits, labels) == pytest.approx(best, rel=0.01)


def test_few_correct_answers_do_not_give_certainty() -> None:
    """Eight photos, all right: the likelihood alone would call the next answer certain."""
    logits = np.eye(4, dtype=np.float32)[np.arange(8) % 4] * 2
    labels = np.arange(8) % 4
    confidence = np.exp(log_softmax(logits / fit_temperature(logits, labels))).max(1)
    assert (confidence > 0.7).all()
    assert (confidence < 0.995).all()


def test_without_photos_the_temperature_is_one() -> None:
    assert fit_temperature(np.zeros((0, 3), np.float32), np.zeros(0, np.int64)) == 1.0
