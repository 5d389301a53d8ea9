"""APS and RAPS against MAPIE without its random numbers and against the papers' formulas, and what they promise."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from mapie.conformity_scores import APSConformityScore, RAPSConformityScore
from mapie_oracle import GivenProbabilities
from numpy.typing import NDArray
from scipy.stats import betabinom

from fieldmark.recognizer.specimen import majority_set
from fieldmark.uncertainty.conformal import class_quantiles, conformity_scores, prediction_sets, score_quantile
from fieldmark.uncertainty.conformity_scores import LAC, ConformityScore, takes_prevalence
from fieldmark.uncertainty.raps import PENALTIES, choose_conformity_score

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PAS = ConformityScore("pas", prevalence=(0.5, 0.3, 0.2))
APS, RAPS = ConformityScore("aps"), ConformityScore("raps", 2, 0.05)


class _AlwaysOne(np.random.RandomState):
    """MAPIE's u, with the chance taken out."""

    def uniform(self, *_: Any, size: int | tuple[int, ...] = 1, **__: Any) -> Floats:  # type: ignore[override]
        return np.ones(size)


class _GivenRAPS(RAPSConformityScore):  # type: ignore[misc]
    """MAPIE's RAPS with k_reg and lambda that were chosen elsewhere, so that it parts no photos for them.

    With u = 1 a class counts what stands before it. MAPIE looks for the last class of a set by the class that crosses
    the quantile, whose forerunner's penalty is one rank lower.
    """

    def __init__(self, k_reg: int, penalty: float) -> None:
        super().__init__()
        self.k_reg, self.lambda_star = k_reg, penalty

    def split_data(self, X: Any, y: Any, y_enc: Any, sample_weight: Any = None, groups: Any = None) -> Any:
        self.n_samples_ = len(y)
        return X, y, y_enc, sample_weight, groups

    def get_conformity_scores(self, y: Any, y_pred: Any, y_enc: Any = None, **options: Any) -> Any:
        return APSConformityScore.get_conformity_scores(self, y, y_pred, y_enc=y_enc, **options)

    def get_conformity_score_quantiles(self, scores: Any, alpha_np: Any, cv: Any, *_: Any, **__: Any) -> Any:
        penalised = self._regularize_conformity_score(np.array([self.k_reg]), self.lambda_star, scores, self.cutoff)
        self.k_star = np.array([self.k_reg - 1])
        return APSConformityScore.get_conformity_score_quantiles(self, penalised, alpha_np, cv)


def _photos(count: int, seed: int, wrong_by: float = 1.0, spread: float = 0.4) -> tuple[Floats, Ints]:
    """Probabilities and labels drawn from them; `wrong_by` sharpens what is claimed."""
    rng = np.random.default_rng(seed)
    true = rng.dirichlet(np.full(8, spread), count)
    labels = np.array([rng.choice(8, p=row) for row in true])
    claimed = np.maximum(true, 1e-9) ** wrong_by
    return claimed / claimed.sum(1, keepdims=True), labels


def _by_hand(row: Floats, label: int, score: ConformityScore) -> float:
    """The papers' formula with u = 1, in the words of the formula."""
    rank = 1 + sum(float(other) > row[label] for other in row)
    mass = sum(sorted(map(float, row), reverse=True)[:rank])
    penalty = score.penalty * max(0, rank - score.k_reg) if score.name == "raps" else 0.0
    return mass - 1.0 * float(row[label]) + penalty


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95])
@pytest.mark.parametrize("count", [40, 133])
@pytest.mark.parametrize("score", [APS, RAPS, ConformityScore("raps", 1, 0.5), ConformityScore("raps", 3, 0.001)])
def test_sets_equal_those_of_mapie_without_its_random_numbers(
    score: ConformityScore, count: int, coverage: float
) -> None:
    known, labels = _photos(count, 0, spread=1.0)
    fresh, _ = _photos(300, 1, spread=1.0)
    theirs = APSConformityScore() if score.name == "aps" else _GivenRAPS(score.k_reg, score.penalty)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = SplitConformalClassifier(
            GivenProbabilities(8), coverage, conformity_score=theirs, prefit=True, random_state=_AlwaysOne()
        )
        found = oracle.conformalize(known, labels).predict_set(fresh, {"include_last_label": True})
    quantile = score_quantile(conformity_scores(known, labels, score), coverage)
    assert quantile is not None
    np.testing.assert_array_equal(prediction_sets(fresh, quantile, score), found[1][:, :, 0])


@pytest.mark.parametrize("classes", [2, 3, 30])
@pytest.mark.parametrize("score", [APS, RAPS, ConformityScore("raps", 1, 0.5)])
def test_scores_equal_the_formulas_of_the_papers(score: ConformityScore, classes: int) -> None:
    rows = np.random.default_rng(classes).dirichlet(np.full(classes, 0.5), 20)
    expected = [[_by_hand(row, label, score) for label in range(classes)] for row in rows]
    np.testing.assert_allclose(score(rows), expected, atol=1e-12)
    labels = np.arange(20) % classes
    np.testing.assert_allclose(
        conformity_scores(rows, labels, score), np.sort([_by_hand(rows[i], labels[i], score) for i in range(20)])
    )
    assert len(conformity_scores(np.zeros((0, classes)), np.zeros(0, dtype=np.int64), score)) == 0


@pytest.mark.parametrize("score", [LAC, APS, RAPS])
def test_sets_grow_with_the_coverage_and_contain_the_most_probable_classes(score: ConformityScore) -> None:
    known, labels = _photos(99, 0)
    fresh, _ = _photos(200, 1)
    scores, before = conformity_scores(known, labels, score), np.zeros((200, 8), dtype=bool)
    for coverage in (0.05, 0.3, 0.6, 0.9, 0.99):
        quantile = score_quantile(scores, coverage)
        assert quantile is not None
        sets = prediction_sets(fresh, quantile, score)
        assert (sets | ~before).all()
        ranks = (fresh[:, None] > fresh[:, :, None]).sum(2)
        np.testing.assert_array_equal(sets, ranks < sets.sum(1, keepdims=True))
        assert sets.any(1).all()
        before = sets


@pytest.mark.parametrize("score", [LAC, APS, RAPS])
def test_a_set_depends_neither_on_other_photos_nor_on_the_order_of_the_classes(
    score: ConformityScore,
) -> None:
    rows, labels = _photos(150, 5)
    quantile = score_quantile(conformity_scores(rows[:99], labels[:99], score), 0.9)
    assert quantile is not None
    sets = prediction_sets(rows[99:], quantile, score)
    alone = [prediction_sets(row[None], quantile, score)[0] for row in rows[99:]]
    np.testing.assert_array_equal(sets, alone)
    order = np.random.default_rng(0).permutation(8)
    np.testing.assert_array_equal(prediction_sets(rows[99:][:, order], quantile, score), sets[:, order])
    enrolled = np.concatenate([rows[99:], np.zeros((51, 2))], 1)  # enrolled classes that are far from every photo
    np.testing.assert_array_equal(prediction_sets(enrolled, quantile, score)[:, :8], sets)


@pytest.mark.parametrize("wrong_by", [1.0, 3.0, 0.3])
@pytest.mark.parametrize("score", [LAC, APS, RAPS, ConformityScore("raps", 1, 0.5)])
def test_coverage_is_at_least_the_target(score: ConformityScore, wrong_by: float) -> None:
    """At every level, however wrong the probabilities: the mean of many draws, within four standard errors below."""
    count, tested, levels = 79, 120, (0.5, 0.7, 0.8, 0.9, 0.95)
    found: dict[float, list[int]] = {level: [] for level in levels}
    for seed in range(150):
        rows, labels = _photos(count + tested, seed, wrong_by)
        scores = conformity_scores(rows[:count], labels[:count], score)
        for level in levels:
            quantile = score_quantile(scores, level)
            assert quantile is not None
            sets = prediction_sets(rows[count:], quantile, score)
            found[level].append(int(sets[np.arange(tested), labels[count:]].sum()))
    for level, held in found.items():
        missed = math.floor(round((count + 1) * (1 - level), 9))
        law = betabinom(tested, count + 1 - missed, missed)
        assert np.mean(held) > law.mean() - 4 * law.std() / np.sqrt(len(held)), level


@pytest.mark.parametrize("score", [APS, RAPS])
def test_coverage_equals_the_target_if_sets_need_more_than_the_most_probable_class(score: ConformityScore) -> None:
    count, tested, level, found = 99, 200, 0.9, []
    for seed in range(100):
        rows, labels = _photos(count + tested, seed, 3.0)
        quantile = score_quantile(conformity_scores(rows[:count], labels[:count], score), level)
        assert quantile is not None
        assert quantile > 0
        sets = prediction_sets(rows[count:], quantile, score)
        found.append(int(sets[np.arange(tested), labels[count:]].sum()))
    law = betabinom(tested, 90, 10)
    assert abs(np.mean(found) - law.mean()) < 4 * law.std() / np.sqrt(len(found))
    low, high = law.interval(0.95)
    assert np.mean([low <= one <= high for one in found]) >= 0.88


def test_levels_below_the_accuracy_give_only_the_most_probable_class() -> None:
    """What it costs that nothing is drawn at random: coverage cannot fall below the accuracy."""
    rows, labels = _photos(300, 2, spread=0.05)
    accuracy = float((rows.argmax(1) == labels).mean())
    quantile = score_quantile(conformity_scores(rows, labels, APS), accuracy - 0.1)
    assert quantile == 0.0
    np.testing.assert_array_equal(prediction_sets(rows, quantile, APS).sum(1), 1)


@pytest.mark.parametrize("score", [APS, RAPS])
def test_the_majority_of_sets_at_half_the_error_keeps_the_coverage(score: ConformityScore) -> None:
    """Three photos of a specimen that have everything in common but their light."""
    count, held = 99, []
    for seed in range(60):
        rows, labels = _photos(count + 50, seed)
        quantile = score_quantile(conformity_scores(rows[:count], labels[:count], score), 0.95)
        assert quantile is not None
        for row, label in zip(rows[count:], labels[count:], strict=True):
            several = prediction_sets(np.repeat(row[None], 3, 0), quantile, score)
            held.append(majority_set(several)[label])
    assert np.mean(held) > 0.9


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_raps_gets_the_rank_that_covers_and_the_penalty_with_the_smallest_sets(coverage: float) -> None:
    rows, labels = _photos(80, 4, 0.5)
    chosen = choose_conformity_score("raps", rows, labels, coverage)
    in_k = [((rows > rows[np.arange(80), labels][:, None]).sum(1) < k).mean() for k in range(1, 9)]
    assert chosen.k_reg == 1 + next(k for k, share in enumerate(in_k) if share * 80 >= math.ceil(81 * coverage - 1e-9))
    again = np.random.default_rng(0).integers(0, 80, (100, 80))
    sizes = []
    for penalty in PENALTIES:
        score = ConformityScore("raps", chosen.k_reg, penalty)
        quantiles = [score_quantile(conformity_scores(rows[few], labels[few], score), coverage) for few in again]
        sizes.append(sum(prediction_sets(rows, one, score).sum() for one in quantiles if one is not None))
    assert chosen.penalty == PENALTIES[int(np.argmin(sizes))]


def test_the_penalty_is_zero_for_too_few_photos_and_for_other_scores() -> None:
    rows, labels = _photos(8, 0)
    assert choose_conformity_score("raps", rows, labels, 0.9) == ConformityScore("raps", 0, 0.0)
    np.testing.assert_array_equal(ConformityScore("raps", 0, 0.0)(rows), APS(rows))
    assert choose_conformity_score("aps", rows, labels, 0.9) == APS
    assert choose_conformity_score("lac", rows, labels, 0.9) == LAC == ConformityScore()


def test_pas_divides_by_the_prevalence_of_each_class() -> None:
    rows = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
    np.testing.assert_allclose(PAS(rows), [[-1.2, -1.0, -0.5], [-0.4, -2 / 3, -3.0]])
    assert takes_prevalence("pas")
    assert not takes_prevalence("lac")


def test_pas_counts_an_enrolled_class_like_a_class_of_mean_prevalence() -> None:
    rows = np.array([[0.3, 0.3, 0.2, 0.2]])
    np.testing.assert_allclose(PAS(rows)[0, 3], -0.2 / (1 / 3))


def test_pas_is_lac_where_all_classes_are_equally_frequent() -> None:
    """The same order of all pairs of photo and class, so that the sets are the same."""
    rows, labels = _photos(400, 3)
    even = ConformityScore("pas", prevalence=(1 / rows.shape[1],) * rows.shape[1])
    sets = []
    for score in (LAC, even):
        quantile = score_quantile(conformity_scores(rows[:200], labels[:200], score), 0.9)
        assert quantile is not None
        sets.append(prediction_sets(rows[200:], quantile, score))
    np.testing.assert_array_equal(*sets)


def test_pas_covers_the_mean_class_better_than_lac_at_the_same_size() -> None:
    """With true probabilities and rare classes, over sets of one mean size (Ding et al., 2025)."""
    rng = np.random.default_rng(0)
    prevalence = np.array([0.6, 0.2, 0.1, 0.06, 0.04])
    labels = rng.choice(5, 20_000, p=prevalence)
    signal = rng.normal(size=(len(labels), 5)) + 1.5 * np.eye(5)[labels]
    joint = prevalence * np.exp(1.5 * signal)  # of normal densities around 1.5 for the own class
    rows = joint / joint.sum(1, keepdims=True)
    macro, sizes = [], []
    for score in (LAC, ConformityScore("pas", prevalence=tuple(prevalence))):
        scores = score(rows)
        sets = scores <= np.quantile(scores, 0.3)  # the same number of classes in all sets together
        sizes.append(sets.sum())
        held = sets[np.arange(len(labels)), labels]
        macro.append(np.mean([held[labels == label].mean() for label in range(5)]))
    assert sizes[0] == pytest.approx(sizes[1], rel=0.01)
    assert macro[1] > macro[0] + 0.02


SCORES = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
OWNERS = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 2])


def test_interpolated_quantiles_are_those_of_all_photos_at_one_end() -> None:
    found = class_quantiles(SCORES, OWNERS, 4, 0.6, 0.0)
    np.testing.assert_array_equal(found, np.full(4, score_quantile(SCORES, 0.6)))


def test_interpolated_quantiles_are_those_of_each_class_at_the_other_end() -> None:
    """A class with one photo or none cannot have a quantile at 0.6: the largest score stands in."""
    found = class_quantiles(SCORES, OWNERS, 4, 0.6, 1.0)
    own = [score_quantile(SCORES[label == OWNERS], 0.6) for label in (0, 1)]
    np.testing.assert_array_equal(found, [*own, 0.95, 0.95])
    assert own == [0.3, 0.8]


def test_interpolated_quantiles_lie_between_by_their_weight() -> None:
    found = class_quantiles(SCORES, OWNERS, 4, 0.6, 0.25)
    np.testing.assert_allclose(found, 0.25 * np.array([0.3, 0.8, 0.95, 0.95]) + 0.75 * 0.7)
    assert class_quantiles(SCORES[:1], OWNERS[:1], 4, 0.6, 0.5) is None


def test_classwise_quantiles_cover_each_class() -> None:
    """Over 200 draws, each class is covered as its own beta distribution says; one quantile fails the hard class."""
    rng = np.random.default_rng(0)
    hardness = np.array([0.5, 1.0, 3.0])
    covered = {weight: np.zeros(3) for weight in (0.0, 1.0)}
    for _ in range(200):
        labels = np.repeat(np.arange(3), 40)
        scores = rng.random(len(labels)) ** (1 / hardness[labels])
        order = np.argsort(scores)
        fresh = rng.random((3, 500)) ** (1 / hardness[:, None])
        for weight, total in covered.items():
            found = class_quantiles(scores[order], labels[order], 3, 0.9, weight)
            assert found is not None
            total += (fresh <= found[:, None]).mean(1) / 200
    np.testing.assert_allclose(covered[1.0], 37 / 41, atol=0.01)  # ceil(41 * 0.9) of 41
    assert covered[0.0][2] < 0.85
