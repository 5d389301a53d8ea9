"""Logit adjustment and balanced heads, held against densities that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from fieldmark.arrays import Float32s, Floats, Ints, log_softmax, softmax
from fieldmark.layers.class_balance import (
    accuracy,
    accuracy_error,
    adjusted,
    choose_strength,
    class_shares,
    fit_head,
    predicted,
)
from fieldmark.layers.softmax_regression import fit_softmax
from fieldmark.uncertainty.prior import Prior

MEANS = np.array([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]])
SHARES = np.array([0.85, 0.1, 0.05])


def mixture(count: int, shares: Floats, seed: int = 0) -> tuple[Float32s, Ints]:
    """Points (n, 2) of three Gaussians with unit covariance, and their classes."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, count, p=shares)
    return (MEANS[labels] + random.normal(size=(count, 2))).astype(np.float32), labels


def posterior(points: Floats, shares: Floats) -> Floats:
    """The true probabilities (n, 3) of the classes by Bayes' rule."""
    joint = np.stack([multivariate_normal(mean).pdf(points) for mean in MEANS], 1) * shares
    return np.asarray(joint / joint.sum(1, keepdims=True))


def test_the_adjusted_posterior_is_that_of_equal_shares() -> None:
    points, _ = mixture(200, SHARES)
    found = softmax(adjusted(np.log(posterior(points, SHARES)), SHARES))
    np.testing.assert_allclose(found, posterior(points, np.full(3, 1 / 3)), atol=1e-12)
    np.testing.assert_allclose(found, Prior(1 / SHARES)(posterior(points, SHARES)), atol=1e-12)


def test_no_strength_changes_nothing_and_two_halves_make_a_whole() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_array_equal(adjusted(logits, SHARES, 0.0), logits)
    np.testing.assert_allclose(adjusted(adjusted(logits, SHARES, 0.5), SHARES, 0.5), adjusted(logits, SHARES))


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_the_logits_of_every_balance_are_those_of_the_training_shares(balance: float) -> None:
    """A linear head is the true model of this mixture, so that each weighting must find the same probabilities."""
    points, labels = mixture(40_000, SHARES)
    head = fit_head(points, labels, 3, 1e4, balance=balance)
    fresh, _ = mixture(500, SHARES, seed=1)
    np.testing.assert_allclose(softmax(head(fresh)), posterior(fresh, SHARES), atol=0.03)


def test_the_adjusted_head_is_that_of_the_logit_adjusted_loss() -> None:
    """The loss of the paper adds log shares to the logits; a free bias takes them up."""
    points, labels = mixture(2_000, SHARES)
    shares = class_shares(labels, 3)
    plain = fit_softmax(points, labels, 3, 5.0, max_iter=500)
    moved = plain.bias - np.log(shares).astype(np.float32)

    def loss(bias: Floats) -> float:
        logits = points @ plain.weight.T + bias + np.log(shares)
        return float(-log_softmax(logits)[np.arange(len(labels)), labels].mean())

    steps = [loss(moved + step) for step in np.eye(3) * 1e-2] + [loss(moved - step) for step in np.eye(3) * 1e-2]
    assert loss(moved) < min(steps)


def test_weights_are_those_of_scikit_learn() -> None:
    points, labels = mixture(600, SHARES)
    C = 2.0
    weights = 1 / class_shares(labels, 3)[labels]
    weights /= weights.mean()
    ours = fit_softmax(points, labels, 3, C, weights=weights, max_iter=500)
    theirs = LogisticRegression(C=C, class_weight="balanced", tol=1e-8, max_iter=1000).fit(points, labels)
    np.testing.assert_allclose(softmax(ours(points)), theirs.predict_proba(points), atol=1e-3)


def test_unit_weights_and_no_balance_are_the_plain_fit_bit_for_bit() -> None:
    points, labels = mixture(300, SHARES)
    plain, same = fit_softmax(points, labels, 3, 5.0), fit_head(points, labels, 3, 5.0)
    np.testing.assert_array_equal(plain.weight, same.weight)
    np.testing.assert_array_equal(plain.bias, same.bias)
    weighted = fit_softmax(points, labels, 3, 5.0, weights=np.ones(300))
    np.testing.assert_array_equal(plain.weight, weighted.weight)


def test_a_balanced_head_continues_where_it_stopped() -> None:
    points, labels = mixture(500, SHARES)
    done = fit_head(points, labels, 3, 5.0, balance=1.0, max_iter=500)
    again = fit_head(points, labels, 3, 5.0, balance=1.0, start=done, max_iter=1)
    np.testing.assert_allclose(again.bias, done.bias, atol=1e-3)


def test_the_mean_class_accuracy_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    labels, answers = random.choice(3, 200, p=SHARES), random.integers(0, 3, 200)
    assert accuracy(answers == labels, labels, "mean_class") == pytest.approx(balanced_accuracy_score(labels, answers))
    assert accuracy(answers == labels, labels, "top1") == (answers == labels).mean()


def test_the_standard_errors_agree_where_all_classes_are_equal() -> None:
    labels = np.repeat(np.arange(4), 25)
    disagree = np.random.default_rng(0).random(100) < 0.2
    errors = [accuracy_error(disagree, labels, metric) for metric in ("top1", "mean_class")]
    assert errors[0] == pytest.approx(errors[1])


def test_adjusted_answers_win_by_mean_class_accuracy_and_plain_ones_by_top1() -> None:
    points, labels = mixture(20_000, SHARES)
    logits = np.log(posterior(points, SHARES))
    for metric, best, other in (("top1", "top1", "mean_class"), ("mean_class", "mean_class", "top1")):
        reached = {
            how: accuracy(predicted(logits, labels, how) == labels, labels, metric)  # type: ignore[arg-type]
            for how in (best, other)
        }
        assert reached[best] > reached[other] + 0.01


def test_the_strength_is_one_for_true_probabilities_and_more_for_those_that_hide_rare_classes() -> None:
    points, labels = mixture(20_000, SHARES)
    logits = np.log(posterior(points, SHARES))
    assert choose_strength(logits, labels, SHARES) == 1.0
    assert choose_strength(logits + np.log(SHARES), labels, SHARES) == 2.0
    assert choose_strength(adjusted(logits, SHARES), labels, SHARES) == 0.0
    assert choose_strength(logits[:0], labels[:0], SHARES) == 1.0
