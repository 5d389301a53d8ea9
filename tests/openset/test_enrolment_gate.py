"""Enrolment gates: simulated enrolments equal those of a loop, and the measured loss equals the allowed one."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from fieldmark.arrays import unit_rows
from fieldmark.openset.enrolled_classes import enrolled_odds, enrolment_features, with_enrolled
from fieldmark.openset.enrolment_gate import LOSS_BUDGET, SHOTS, _cut, _enrolments, _standard_error, fit_gates
from fieldmark.openset.leave_class_out import ClassFold, leave_class_out


def _draws(seed: int, classes: int = 30, photos: int = 1200) -> list[ClassFold]:
    """Draws of classes that no other seed has."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=photos)
    rows = unit_rows(rng.normal(size=(classes, 32))[labels] + 0.9 * rng.normal(size=(photos, 32)))
    return leave_class_out(rows, labels, rows[:0], labels[:0], np.arange(photos), seed=seed)


DRAWS = _draws(0)


def test_enrolments_equal_those_of_a_loop() -> None:
    draw, shots, times = DRAWS[0], 3, 2
    trials = _enrolments(draw, shots, times, np.random.default_rng(5))
    assert len(trials) == times
    rng = np.random.default_rng(5)
    for trial in trials:
        own, rivals, place = [], [], 0
        for label in np.unique(draw.unknown_labels):
            photos = np.flatnonzero(draw.unknown_labels == label)
            chosen = rng.permutation(photos[draw.unknown_from_train[photos]])[:shots]
            mean = draw.unknown.vectors[chosen].mean(0, keepdims=True)
            others = enrolment_features(draw.known.vectors, mean, draw.known.gaussians)
            np.testing.assert_allclose(trial.others[:, place], np.concatenate(others, 1), rtol=1e-3, atol=1e-3)
            for photo in sorted(set(photos.tolist()) - set(chosen.tolist())):
                one = enrolment_features(draw.unknown.vectors[photo : photo + 1], mean, draw.known.gaussians)
                own.append(np.concatenate(one, 1)[0])
                rivals.append(np.log(draw.unknown.probabilities[photo].max()))
            place += 1
        assert trial.others.shape[1] == place
        np.testing.assert_allclose(trial.own, own, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(trial.own_rivals, rivals)
    for index, label in enumerate(draw.labels):
        row = draw.known.probabilities[index]
        expected = np.log(row[label]) if row.argmax() == label else np.inf
        assert trials[0].rivals[index] == pytest.approx(expected)


def test_enrolment_gates_keep_the_budget_and_more_photos_find_more() -> None:
    gates = fit_gates(DRAWS)
    assert tuple(gate.shots for gate in gates) == SHOTS
    assert all(gate.simulated_loss <= LOSS_BUDGET for gate in gates)
    assert all(fewer.simulated_recall < more.simulated_recall for fewer, more in pairwise(gates))
    assert gates[4].simulated_recall > 0.5
    assert fit_gates(DRAWS) == gates


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_enrolled_classes_cost_no_more_accuracy_than_the_budget(seed: int) -> None:
    """The gates of one simulated data set on another: equal loss of correct answers and equal recall."""
    gate = fit_gates(DRAWS)[-1]
    lost = found = photos = own = 0.0
    for draw in _draws(seed):
        labels = np.unique(draw.unknown_labels)
        chosen = [np.flatnonzero(draw.unknown_labels == label)[: gate.shots] for label in labels]
        means = np.stack([draw.unknown.vectors[few].mean(0) for few in chosen])
        answers = []
        for evidence in (draw.known, draw.unknown):
            shots = [gate.shots] * len(labels)
            odds = enrolled_odds(evidence.vectors, means, shots, evidence.gaussians, [gate])
            answers.append(with_enrolled(evidence.probabilities, odds).argmax(1))
        right = draw.known.probabilities.argmax(1) == draw.labels
        lost += (right & (answers[0] != draw.labels)).sum()
        photos += len(labels) * len(draw.labels)
        rest = np.setdiff1d(np.arange(len(draw.unknown_labels)), np.concatenate(chosen))
        truth = draw.known.probabilities.shape[1] + np.searchsorted(labels, draw.unknown_labels[rest])
        found += (answers[1][rest] == truth).sum()
        own += len(rest)
    assert lost / photos <= 3 * LOSS_BUDGET
    assert found / own == pytest.approx(gate.simulated_recall, abs=0.1)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_cut_keeps_the_budget_and_is_no_higher_than_needed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    excess, weights = rng.normal(size=3000), rng.integers(3, size=3000).astype(float)
    enrolled = rng.integers(1, 9, size=3000)
    cut, allowed = _cut(excess, enrolled, weights), LOSS_BUDGET * (weights * enrolled).sum()
    assert weights[excess > cut].sum() <= allowed < weights[excess >= cut].sum()


def test_the_standard_error_is_that_of_the_cut_over_worlds() -> None:
    """Of an exponential tail, over 300 worlds; each photo stands there three times."""
    photos, enrolled = np.repeat(np.arange(2000), 3), np.full(6000, 20)
    worlds = [np.repeat(np.random.default_rng(seed).exponential(size=2000), 3) for seed in range(300)]
    true = np.std([_cut(excess, enrolled, np.ones(6000)) for excess in worlds])
    found = np.mean([_standard_error(excess, enrolled, photos) for excess in worlds[:20]])
    assert found == pytest.approx(true, rel=0.25)


def test_enrolment_gates_are_stricter_if_the_model_is_overconfident_on_train_photos() -> None:
    bare = fit_gates(DRAWS)
    of_val = [replace(draw, known_from_train=np.zeros(len(draw.labels), dtype=np.bool_)) for draw in DRAWS]
    careful = fit_gates(of_val)
    assert all(more.bias < less.bias for more, less in zip(careful, bare, strict=True))


def test_classes_without_a_photo_to_spare_give_no_gates() -> None:
    assert fit_gates([]) == []
    rows = unit_rows(np.random.default_rng(0).normal(size=(12, 8)))
    labels = np.repeat(np.arange(6), 2)
    draws = leave_class_out(rows, labels, rows[:0], labels[:0], np.arange(12))
    assert [gate.shots for gate in fit_gates(draws)] == [1]
