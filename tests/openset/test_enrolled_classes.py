"""How enrolled classes compete with the head: laws of the probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from fieldmark.arrays import unit_rows
from fieldmark.openset.class_gaussians import ClassGaussians
from fieldmark.openset.enrolled_classes import EnrolmentGate, enrolled_odds, gate_for, with_enrolled

rng = np.random.default_rng(0)
PROBABILITIES = rng.dirichlet(np.ones(6), size=30)


@pytest.mark.parametrize("enrolled", [1, 2, 5])
def test_probabilities_sum_to_one_and_trained_classes_keep_their_proportions(enrolled: int) -> None:
    odds = np.random.default_rng(enrolled).lognormal(size=(30, enrolled))
    joined = with_enrolled(PROBABILITIES, odds)
    np.testing.assert_allclose(joined.sum(1), 1.0)
    share = joined[:, :6].sum(1, keepdims=True)
    np.testing.assert_allclose(joined[:, :6] / share, PROBABILITIES)
    np.testing.assert_allclose(joined[:, 6:] / share, odds)


def test_a_photo_far_from_every_enrolled_class_keeps_its_exact_probabilities() -> None:
    joined = with_enrolled(PROBABILITIES, np.full((30, 3), 0.0099))
    np.testing.assert_array_equal(joined[:, :6], PROBABILITIES)
    np.testing.assert_array_equal(joined[:, 6:], 0.0)


def _classes(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(seed)
    labels = draws.integers(20, size=count)
    means = np.random.default_rng(7).normal(size=(20, 32))
    return unit_rows(means[labels] + 0.7 * draws.normal(size=(count, 32))), labels


def test_an_enrolled_class_grows_likelier_towards_its_mean() -> None:
    """Beside one old class both features are linear, so that the way is uphill throughout."""
    train, labels = _classes(0, 600)
    statistics = ClassGaussians.fit(train, labels, 20).without(np.delete(np.arange(20), 8))
    mean = train[labels == 3][:5].mean(0, keepdims=True)
    gates = [EnrolmentGate(shots=1, discriminant=0.1, similarity=2.0, bias=-1.0, simulated_recall=1, simulated_loss=0)]
    path = np.linspace(statistics.means[8], mean[0], 9)
    odds = enrolled_odds(path, mean, [5], statistics, gates)[:, 0]
    assert (np.diff(odds) > 0).all()


def test_the_enrolment_gate_depends_on_the_number_of_photos() -> None:
    common = {"discriminant": 0.0, "similarity": 0.0, "bias": 0.0, "simulated_recall": 0.0, "simulated_loss": 0.0}
    gates = [EnrolmentGate(shots=shots, **common) for shots in (2, 3, 5)]
    assert [gate_for(gates, count).shots for count in (1, 2, 3, 4, 5, 9)] == [2, 2, 3, 3, 5, 5]
