"""Accept, review or reject: the cheapest thresholds, and intervals that hold what new photos cost."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldmark import fit, load
from fieldmark.errors import SettingError
from fieldmark.evaluation.review_plan import (
    Costs,
    Thresholds,
    choose_thresholds,
    photo_costs,
    plan_review,
)


def _photos(count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated answers: the first candidate is correct with its probability, the first five with more."""
    confidence = generator.beta(2, 1, count)
    correct = generator.random(count) < confidence
    far = generator.random(count) < 0.6 * (1 - confidence)
    return confidence, np.where(correct, 1, np.where(far, 9, 2))


@pytest.mark.parametrize("seed", range(20))
def test_no_pair_of_thresholds_is_cheaper(seed: int) -> None:
    generator = np.random.default_rng(seed)
    confidence, ranks = _photos(25, generator)
    confidence = np.round(confidence, 1)  # with ties
    costs = Costs(*generator.choice([0.0, 0.5, 1.0, 3.0, 10.0], 3))
    found = photo_costs(confidence, ranks, costs, choose_thresholds(confidence, ranks, costs)).sum()
    cuts = [*np.unique(confidence), 1.1]
    pairs = itertools.combinations_with_replacement(cuts, 2)
    least = min(photo_costs(confidence, ranks, costs, Thresholds(high, low)).sum() for low, high in pairs)
    assert found == pytest.approx(least)


def test_what_each_action_costs() -> None:
    confidence, ranks = np.array([0.1, 0.5, 0.5, 0.9, 0.9]), np.array([1, 3, 9, 1, 2])
    spent = photo_costs(confidence, ranks, Costs(5, 1, 3), Thresholds(accept=0.9, reject=0.2))
    assert spent.tolist() == [3, 1, 4, 0, 5]


def test_the_limits_of_costs() -> None:
    confidence, ranks = _photos(400, np.random.default_rng(0))
    free_errors = plan_review(confidence, ranks, Costs(0, 1, 1))
    assert (free_errors.accepted.value, free_errors.cost.value, free_errors.cost.high) == (1.0, 0.0, 0.0)
    free_reviews = plan_review(confidence, ranks, Costs(100, 0, 0))
    assert free_reviews.accepted.value < 0.05
    assert free_reviews.cost.value == pytest.approx(0, abs=0.5)
    dear_reviews = plan_review(confidence, ranks, Costs(100, 100, 1))
    assert dear_reviews.reviewed.value < 0.02
    assert dear_reviews.rejected.value > 0.9


def test_with_many_photos_the_thresholds_are_those_of_the_bayes_rule() -> None:
    """Chow 1970: accept where the expected cost of an error, W (1 - p), is below that of a review, V."""
    confidence, ranks = _photos(200_000, np.random.default_rng(1))
    found = choose_thresholds(confidence, ranks, Costs(5, 1, 0.0))
    assert found.accept == pytest.approx(1.0, abs=0.02)  # rejecting costs nothing
    found = choose_thresholds(confidence, np.minimum(ranks, 2), Costs(5, 1, 5))
    assert found.accept == pytest.approx(1 - 1 / 5, abs=0.02)
    assert found.reject == 0.0
    miss = 0.6 * 5  # a review of a photo with confidence p fails with 0.6 (1 - p)^2 and then costs 5 more
    found = choose_thresholds(confidence, ranks, Costs(20, 3.5, 5))
    assert found.reject == pytest.approx(1 - np.sqrt((5 - 3.5) / miss), abs=0.02)


def test_intervals_hold_the_true_cost() -> None:
    """95% should; of 40, fewer than 32 would have a probability below 0.001. The plan's own cost is too low."""
    generator = np.random.default_rng(2)
    many, costs, held, optimistic = _photos(100_000, generator), Costs(5, 1, 5), 0, 0.0
    for seed in range(40):
        confidence, ranks = _photos(80, generator)
        plan = plan_review(confidence, ranks, costs, seed=seed)
        truth = photo_costs(*many, costs, plan.thresholds).mean()
        held += plan.cost.low <= truth <= plan.cost.high
        optimistic += photo_costs(confidence, ranks, costs, plan.thresholds).mean() - truth
    assert held >= 32
    assert optimistic / 40 < -0.01


def test_the_command(command: Callable[..., Any], cheap_plan: Path) -> None:
    done = command("plan", cheap_plan, "--cost-wrong", 5, "--cost-review", 1, "--json")
    found = json.loads(done.out)
    model = load(cheap_plan)
    assert found == json.loads(json.dumps(model.plan(Costs(5, 1, 5)).to_dict()))
    assert found["photos"] == model.guarantees.photos
    assert found["accepted"]["value"] + found["reviewed"]["value"] + found["rejected"]["value"] == pytest.approx(1)
    page = cheap_plan.parent / "report.html"
    assert command("evaluate", cheap_plan, "--split", "val", "--report", page).code == 0
    assert f"accepting everything costs {found['cost_accept_all']:.2f}" in page.read_text()
    said = command("plan", cheap_plan).err
    assert f"from {found['photos']} calibration photos: it holds for photos like these" in said
    assert f"expected cost of a photo: {found['cost']['value']:.3f} (95% CI" in said


@pytest.fixture(scope="module")
def cheap_plan(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with enough calibration photos."""
    out = tmp_path_factory.mktemp("plan") / "model"
    fit(birds, out, method="linear_probe", image_size=96, val_fraction=0.45, test_fraction=0.0)
    return out


def test_the_ranks_are_those_of_the_calibration_photos(cheap_plan: Path, birds: Path) -> None:
    tables = load(cheap_plan).guarantees.tables
    assert ((tables.ranks == 1) == (tables.distances == 0)).all()
    assert (tables.ranks >= 1).all()
    assert (tables.ranks <= 4).all()
    assert len(tables.ranks) == len(tables.scores)


def test_wrong_costs_and_too_few_photos(command: Callable[..., Any], fitted: Path, birds: Path, tmp_path: Path) -> None:
    done = command("plan", fitted, "--cost-wrong", "-1")
    assert (done.code, done.err) == (2, "fieldmark: --cost-wrong must be a number of at least 0, but is -1\n")
    with pytest.raises(SettingError, match="the number of candidates must be at least 1, but is 0"):
        Costs(1, 1, 1, 0)
    few = tmp_path / "few"
    fit(birds, few, method="linear_probe", image_size=64, test_views=5)  # five views hold val out
    done = command("plan", few)
    count = load(few).guarantees.photos
    assert count < 20
    assert (done.code, done.err) == (
        2,
        f"fieldmark: a plan needs at least 20 calibration photos, but the model has {count}; fit it on more photos\n",
    )
