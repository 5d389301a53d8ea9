"""Figures of sets and ranks, counted again by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fieldmark.evaluation.metrics import compute_metrics, with_guarantees
from fieldmark.uncertainty.guarantee_tables import GuaranteeTables
from fieldmark.uncertainty.guarantees import AnswerOptions, Guarantees
from fieldmark.uncertainty.taxonomy import Hierarchy

CLASSES = ("a1", "a2", "b1", "b2")
TAXONOMY = {"a1": ("a",), "a2": ("a",), "b1": ("b",), "b2": ("b",)}


@pytest.fixture
def trust() -> Guarantees:
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.full(4, 0.3), 400)
    labels = np.array([rng.choice(4, p=row) for row in rows])
    tree = Hierarchy(CLASSES, ("genus",), TAXONOMY)
    return Guarantees(tree, GuaranteeTables.of(rows, labels, tree))


def test_figures_are_those_of_a_count_by_hand(trust: Guarantees) -> None:
    rng = np.random.default_rng(1)
    rows, labels = rng.dirichlet(np.full(4, 0.3), 150), rng.integers(0, 4, 150)
    plain = compute_metrics(rows, labels, CLASSES)
    found = with_guarantees(plain, trust, rows, labels, CLASSES, AnswerOptions(coverage=0.8, target_accuracy=0.9))
    sets = trust.sets(rows, 0.8)
    assert sets is not None
    held = [bool(sets[index, label]) for index, label in enumerate(labels)]
    assert (found.set_level, found.set_coverage) == (0.8, pytest.approx(np.mean(held)))
    assert found.set_score == "lac"
    assert found.set_size == pytest.approx(np.mean([sum(row) for row in sets]))
    for index, name in enumerate(CLASSES):
        own = [one for one, label in zip(held, labels, strict=True) if label == index]
        assert found.set_coverage_by_class[name] == pytest.approx(np.mean(own))
    shares = [np.mean([one for one, label in zip(held, labels, strict=True) if label == index]) for index in range(4)]
    assert found.set_macro_coverage == pytest.approx(sum(shares) / 4)
    assert sum(part.sets for part in found.set_coverage_by_size) == 150
    total = sum(part.sets * part.coverage for part in found.set_coverage_by_size)
    assert total == pytest.approx(sum(held))
    genera = [CLASSES[best][0] == CLASSES[label][0] for best, label in zip(rows.argmax(1), labels, strict=True)]
    assert found.accuracy_by_rank == {"class": plain.top1_accuracy, "genus": pytest.approx(np.mean(genera))}
    assert found.hierarchical_error == pytest.approx(2 - plain.top1_accuracy - np.mean(genera))


def test_back_off_adds_up_and_is_json(trust: Guarantees) -> None:
    rng = np.random.default_rng(1)
    rows = rng.dirichlet(np.full(4, 0.3), 300)
    labels = np.array([rng.choice(4, p=row) for row in rows])
    plain = compute_metrics(rows, labels, CLASSES)
    found = with_guarantees(plain, trust, rows, labels, CLASSES, AnswerOptions(target_accuracy=0.9)).back_off
    assert found is not None
    assert found.vouched
    assert [part.rank for part in found.by_rank] == ["class", "genus"]
    assert sum(part.share for part in found.by_rank) == pytest.approx(found.answered)
    right = sum(part.share * (part.right or 0) for part in found.by_rank)
    assert found.right == pytest.approx(right / found.answered)
    assert found.right is not None
    assert found.right >= 0.85
    figures = with_guarantees(plain, trust, rows, labels, CLASSES, AnswerOptions(target_accuracy=0.9)).to_dict()
    assert json.loads(json.dumps(figures))["back_off"]["wanted"] == 0.9


def test_without_held_out_photos_there_are_no_sets_and_nothing_is_vouched_for() -> None:
    tree = Hierarchy(CLASSES, (), {})
    rows, labels = np.eye(4), np.arange(4)
    plain = compute_metrics(rows, labels, CLASSES)
    found = with_guarantees(
        plain, Guarantees(tree, GuaranteeTables.empty(1)), rows, labels, CLASSES, AnswerOptions(target_accuracy=0.9)
    )
    assert (found.set_coverage, found.accuracy_by_rank, found.hierarchical_error) == (None, {}, None)
    assert found.back_off is not None
    assert (found.back_off.vouched, found.back_off.threshold) == (False, 0.9)
