"""Another prior: Bayes' rule, its estimate, and sets that keep their coverage under label shift."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from fieldmark.arrays import Floats, Ints
from fieldmark.errors import ModelError, SettingError
from fieldmark.uncertainty.backoff import learn_threshold
from fieldmark.uncertainty.conformal import label_shift_quantiles, mixed_quantiles, score_quantile
from fieldmark.uncertainty.guarantee_tables import MOST_KEPT, GuaranteeTables
from fieldmark.uncertainty.guarantees import Guarantees
from fieldmark.uncertainty.prior import Prior, estimate_shares
from fieldmark.uncertainty.taxonomy import Hierarchy

CLASSES = ("Daisy", "Rose", "Tulip")
SOURCE = np.array([0.5, 0.3, 0.2])
TARGET = np.array([0.05, 0.15, 0.8])
MEANS = np.array([[0.0, 0.0], [1.5, 0.0], [0.7, 1.2]])
FLAT = Hierarchy(CLASSES, (), {})


def draw(shares: Floats, count: int, seed: int) -> tuple[Floats, Ints, Floats]:
    """Photos as points of three Gaussians: posteriors (n, 3) under `SOURCE` and labels (n,), and under `shares`."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, count, p=shares)
    points = MEANS[labels] + random.standard_normal((count, 2))
    densities: NDArray[np.float64] = np.exp(-0.5 * ((points[:, None] - MEANS) ** 2).sum(2))
    return _rows(densities * SOURCE), labels, _rows(densities * shares)


def _rows(values: Floats) -> Floats:
    return np.asarray(values / values.sum(1, keepdims=True))


def test_the_posterior_is_that_of_bayes_rule() -> None:
    plain, _, exact = draw(TARGET, 200, 0)
    np.testing.assert_allclose(Prior.from_shares(TARGET, SOURCE)(plain), exact, atol=1e-12)


def test_a_class_without_weight_has_no_probability_even_where_the_model_is_sure_of_it() -> None:
    found = Prior(np.array([0.0, 1.0, 3.0]))(np.array([[1.0, 0.0, 0.0], [0.5, 0.25, 0.25]]))
    np.testing.assert_allclose(found, [[0.0, 0.25, 0.75], [0.0, 0.25, 0.75]])


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ([0.0, 0.0], "the prior leaves no class: give at least one class of the model a weight above 0"),
        ([1.0, -1.0], "the weights of a prior must be finite numbers from 0 up"),
        ([1.0, np.inf], "the weights of a prior must be finite numbers from 0 up"),
    ],
)
def test_impossible_weights_are_refused(weights: list[float], text: str) -> None:
    with pytest.raises(SettingError) as raised:
        Prior(np.array(weights))
    assert str(raised.value) == text


def test_the_shares_of_many_photos_are_found() -> None:
    plain, labels, _ = draw(TARGET, 6000, 1)
    true = np.bincount(labels) / len(labels)
    np.testing.assert_allclose(estimate_shares(plain, SOURCE, strength=0.0), true, atol=0.02)


def test_few_photos_leave_the_shares_near_those_of_training() -> None:
    plain, _, _ = draw(TARGET, 1, 2)
    far = np.abs(estimate_shares(plain, SOURCE, strength=0.0) - SOURCE).max()
    near = np.abs(estimate_shares(plain, SOURCE) - SOURCE).max()
    assert near < 0.3 < far
    np.testing.assert_array_equal(estimate_shares(plain[:0], SOURCE), SOURCE)


def test_the_likelihood_never_falls() -> None:
    """A law of expectation maximisation."""
    plain, _, _ = draw(TARGET, 300, 3)
    likelihoods = [
        float(np.log((plain * estimate_shares(plain, SOURCE, strength=0.0, max_steps=steps) / SOURCE).sum(1)).sum())
        for steps in range(12)
    ]
    assert likelihoods == sorted(likelihoods)
    assert likelihoods[0] < likelihoods[-1]


def test_equal_weights_give_the_usual_quantile() -> None:
    scores = np.sort(np.random.default_rng(4).random(37))
    for coverage in (0.5, 0.9, 0.95, 0.999):
        usual = score_quantile(scores, coverage)
        found = label_shift_quantiles(scores, np.full(37, 2.5), np.full(4, 2.5), coverage)
        np.testing.assert_array_equal(found, np.full(4, np.inf if usual is None else usual))


def test_the_quantile_is_that_of_a_slow_loop() -> None:
    random = np.random.default_rng(5)
    scores, weights, of_class = np.sort(random.random(60)), random.random(60), np.array([0.0, 0.4, 9.0])
    for coverage in (0.3, 0.9):
        slow = []
        for own in of_class:
            mass, found = 0.0, np.inf
            for score, weight in zip(scores, weights, strict=True):
                mass += weight / (weights.sum() + own)
                if mass >= coverage:
                    found = score
                    break
            slow.append(found)
        np.testing.assert_array_equal(label_shift_quantiles(scores, weights, of_class, coverage), slow)


def test_a_class_without_photos_of_its_own_keeps_an_infinite_quantile() -> None:
    scores, labels = np.array([0.1, 0.2, 0.3]), np.array([0, 0, 1])
    together = np.array([0.2, 0.2, np.inf])
    np.testing.assert_array_equal(mixed_quantiles(scores, labels, together, 0.6, 0.0), together)
    np.testing.assert_array_equal(mixed_quantiles(scores, labels, together, 0.6, 0.5), [0.2, 0.25, np.inf])
    np.testing.assert_array_equal(mixed_quantiles(scores, labels, together, 0.6, 1.0), [0.2, 0.3, 0.3])


def test_sets_keep_their_coverage_under_the_new_prior() -> None:
    """400 draws: plain sets cover too few photos of the new mixture, sets under the prior cover what they promise."""
    prior, plain_hits, hits, photos = Prior.from_shares(TARGET, SOURCE), 0, 0, 0
    for seed in range(400):
        calibration, labels, _ = draw(SOURCE, 120, 2 * seed)
        guarantees = Guarantees(FLAT, GuaranteeTables.of(calibration, labels, FLAT))
        test, truth, _ = draw(TARGET, 50, 2 * seed + 1)
        rows = np.arange(50)
        plain, adjusted = guarantees.sets(test, 0.9), guarantees.under(prior).sets(prior(test), 0.9)
        assert plain is not None
        assert adjusted is not None
        plain_hits, hits, photos = (
            plain_hits + plain[rows, truth].sum(),
            hits + adjusted[rows, truth].sum(),
            photos + 50,
        )
    assert plain_hits / photos < 0.87
    assert 0.895 < hits / photos < 0.93


def test_the_prior_of_training_changes_no_set() -> None:
    calibration, labels, _ = draw(SOURCE, 150, 6)
    test, _, _ = draw(SOURCE, 80, 7)
    for classwise in (0.0, 0.5):
        guarantees = Guarantees(FLAT, GuaranteeTables.of(calibration, labels, FLAT), classwise=classwise)
        same = guarantees.under(Prior(np.ones(3)))
        for coverage in (0.7, 0.9, 0.95):
            np.testing.assert_array_equal(guarantees.sets(test, coverage), same.sets(test, coverage))
        assert guarantees.threshold(0.8) == pytest.approx(same.threshold(0.8), abs=1e-6)


def test_a_class_without_weight_is_in_no_set() -> None:
    calibration, labels, _ = draw(SOURCE, 150, 8)
    prior = Prior(np.array([1.0, 0.0, 1.0]))
    under = Guarantees(FLAT, GuaranteeTables.of(calibration, labels, FLAT)).under(prior)
    found = under.sets(prior(calibration), 0.99)
    assert found is not None
    assert not found[:, 1].any()
    assert found.any(1).all()
    assert under.photos == (labels != 1).sum()


def test_equal_weights_give_the_usual_threshold_of_back_off() -> None:
    calibration, labels, _ = draw(SOURCE, 300, 9)
    tables = GuaranteeTables.of(calibration, labels, FLAT)
    usual = learn_threshold(tables.paths, tables.distances, 0.8)
    assert usual is not None
    assert usual == learn_threshold(tables.paths, tables.distances, 0.8, np.full(300, 4.0))


def test_a_model_without_the_probabilities_of_calibration_photos_is_refused() -> None:
    calibration, labels, _ = draw(SOURCE, 20, 10)
    old = replace(GuaranteeTables.of(calibration, labels, FLAT), sample=np.zeros((0, 0), np.float32))
    with pytest.raises(ModelError) as raised:
        Guarantees(FLAT, old).under(Prior(np.ones(3)))
    assert str(raised.value) == (
        "the model keeps no probabilities of its calibration photos, which a prior needs: fit it again with this "
        "version of Fieldmark"
    )


def test_of_many_photos_a_draw_is_kept() -> None:
    classes = MOST_KEPT // 10
    rows = np.zeros((30, classes), dtype=np.float32)
    labels = np.arange(30)
    rows[labels, labels] = 1.0
    tables = GuaranteeTables.of(rows, labels, Hierarchy([str(index) for index in range(classes)], (), {}))
    assert tables.sample.shape == (10, classes)
    assert len(set(tables.sample_labels.tolist())) == 10
    np.testing.assert_array_equal(tables.sample.argmax(1), tables.sample_labels)
