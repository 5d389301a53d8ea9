"""Candidate sets against MAPIE's own, and the law of their coverage."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from mapie_oracle import GivenProbabilities
from numpy.typing import NDArray
from scipy.stats import betabinom

from fieldmark.errors import SettingError
from fieldmark.uncertainty.conformal import (
    check_level,
    conformity_scores,
    coverage_band,
    photos_needed,
    prediction_sets,
    score_quantile,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def _photos(count: int, seed: int, wrong_by: float = 1.0) -> tuple[Floats, Ints]:
    """Probabilities and labels drawn from them; `wrong_by` sharpens what is claimed."""
    rng = np.random.default_rng(seed)
    true = rng.dirichlet(np.full(7, 0.3), count)
    labels = np.array([rng.choice(7, p=row) for row in true])
    claimed = np.maximum(true, 1e-9) ** wrong_by
    return claimed / claimed.sum(1, keepdims=True), labels


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("count", [40, 133])
def test_sets_equal_those_of_mapie(coverage: float, count: int) -> None:
    known, labels = _photos(count, 0)
    fresh, _ = _photos(300, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = SplitConformalClassifier(GivenProbabilities(7), coverage, conformity_score="lac", prefit=True)
        expected = oracle.conformalize(known, labels).predict_set(fresh)[1][:, :, 0]
    quantile = score_quantile(conformity_scores(known, labels), coverage)
    assert quantile is not None
    np.testing.assert_array_equal(prediction_sets(fresh, quantile, allow_empty=True), expected)


def test_scores_are_sorted_and_one_minus_the_probability_of_the_correct_class() -> None:
    probabilities, labels = _photos(50, 3)
    np.testing.assert_allclose(
        conformity_scores(probabilities, labels), np.sort(1 - probabilities[np.arange(50), labels])
    )
    assert len(conformity_scores(np.zeros((0, 7)), np.zeros(0, dtype=np.int64))) == 0


def test_sets_grow_with_the_coverage_and_always_contain_the_most_probable_class() -> None:
    known, labels = _photos(99, 0)
    fresh, _ = _photos(200, 1)
    scores, before = conformity_scores(known, labels), np.zeros((200, 7), dtype=bool)
    for coverage in (0.05, 0.3, 0.6, 0.9, 0.99):
        quantile = score_quantile(scores, coverage)
        assert quantile is not None
        sets = prediction_sets(fresh, quantile)
        assert (sets | ~before).all()
        assert sets[np.arange(200), fresh.argmax(1)].all()
        before = sets


@pytest.mark.parametrize("wrong_by", [1.0, 3.0])
@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_coverage_holds_for_wrong_probabilities_too(coverage: float, wrong_by: float) -> None:
    """Over many draws of calibration photos: the mean within four standard errors, each by the beta-binomial law."""
    count, tested, found = 99, 200, []
    for seed in range(100):
        probabilities, labels = _photos(count + tested, seed, wrong_by)
        quantile = score_quantile(conformity_scores(probabilities[:count], labels[:count]), coverage)
        assert quantile is not None
        sets = prediction_sets(probabilities[count:], quantile, allow_empty=True)
        found.append(int(sets[np.arange(tested), labels[count:]].sum()))
    missed = round((count + 1) * (1 - coverage))
    law = betabinom(tested, count + 1 - missed, missed)
    assert abs(np.mean(found) - law.mean()) < 4 * law.std() / np.sqrt(len(found))
    low, high = law.interval(0.95)
    assert np.mean([(low <= one <= high) for one in found]) >= 0.88


@pytest.mark.parametrize(("coverage", "needed"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99), (0.999, 999)])
def test_the_number_of_calibration_photos_needed_for_a_coverage(coverage: float, needed: int) -> None:
    assert photos_needed(coverage) == needed
    assert score_quantile(np.linspace(0, 1, needed), coverage) is not None
    assert score_quantile(np.linspace(0, 1, needed - 1), coverage) is None


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 1.5, float("nan")])
def test_levels_lie_between_0_and_1(level: float) -> None:
    with pytest.raises(SettingError) as caught:
        check_level("coverage", level)
    assert str(caught.value) == f"coverage must lie between 0 and 1, such as 0.9, but is {level:g}"


def test_the_band_of_the_true_coverage_is_that_of_many_draws() -> None:
    # Scores uniform on [0, 1]: the true coverage of a draw is its quantile itself.
    draws = np.sort(np.random.default_rng(0).random((20_000, 19)), axis=1)
    quantiles = np.array([score_quantile(draw, 0.9) for draw in draws], dtype=float)
    band = coverage_band(19, 0.9)
    assert band is not None
    np.testing.assert_allclose(band, np.quantile(quantiles, (0.025, 0.975)), atol=0.005)
    assert [round(bound, 2) for bound in band] == [0.74, 0.99]


@pytest.mark.parametrize(("photos", "coverage"), [(0, 0.9), (8, 0.9), (18, 0.95)])
def test_too_few_photos_have_no_band(photos: int, coverage: float) -> None:
    assert coverage_band(photos, coverage) is None
    assert coverage_band(photos_needed(coverage), coverage) is not None
