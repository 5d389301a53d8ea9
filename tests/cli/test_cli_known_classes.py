"""``fieldmark predict --prior`` and ``--only``."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldmark import Recognizer
from fieldmark.uncertainty.prior import Prior


@pytest.fixture(scope="module")
def photos(birds: Path) -> list[Path]:
    return [next(iter(sorted(folder.iterdir()))) for folder in sorted(birds.iterdir())]


def rows(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines()]


def test_answers_name_the_allowed_classes_only(
    command: Callable[..., Any], fitted: Path, photos: list[Path], tmp_path: Path
) -> None:
    classes = Recognizer(fitted).classes
    allowed = tmp_path / "here.txt"
    allowed.write_text("\n".join([*classes[:2], "Dodo"]), encoding="utf-8")
    found = command("predict", fitted, *photos, "--only", allowed, "--json")
    assert found.code == 0
    assert f"{allowed} leaves out 2 of 4 classes: no answer names them" in found.err
    assert f"{allowed} has 1 name(s) that the model does not know: Dodo" in found.err
    for row in rows(found.out):
        named = {candidate["label"]: candidate["probability"] for candidate in row["candidates"]}
        assert {label for label, value in named.items() if value} <= set(classes[:2])
        assert sum(named.values()) == pytest.approx(1.0, abs=1e-4)
        assert row["set"] is None or set(row["set"]) <= set(classes[:2])


def test_a_prior_moves_probabilities_by_bayes_rule(
    command: Callable[..., Any], fitted: Path, photos: list[Path], tmp_path: Path
) -> None:
    recognizer = Recognizer(fitted)
    table = tmp_path / "checklist.csv"
    weights = np.array([1.0, 2.0, 30.0, 4.0])
    lines = [f"{label},{weight:g}" for label, weight in zip(recognizer.classes, weights, strict=True)]
    table.write_text("\n".join(["class,weight", *lines]), encoding="utf-8")
    found = command("predict", fitted, *photos, "--prior", table, "--json")
    plain = recognizer.scores(photos).probabilities
    joint = plain * weights / recognizer.training_shares
    wanted = joint / joint.sum(1, keepdims=True)
    for row, expected in zip(rows(found.out), wanted, strict=True):
        given = {candidate["label"]: candidate["probability"] for candidate in row["candidates"]}
        np.testing.assert_allclose([given[label] for label in recognizer.classes], expected, atol=1e-4)


def test_the_prior_of_photos_of_one_class_raises_that_class(fitted: Path, birds: Path) -> None:
    recognizer = Recognizer(fitted)
    folder = min(birds.iterdir())
    prior = recognizer.estimate_prior(sorted(folder.iterdir()))
    index = recognizer.classes.index(folder.name)
    assert prior.weights.argmax() == index
    assert prior.weights[index] > 1.5


def test_a_recognizer_under_a_prior_is_pickled_with_it_and_a_second_prior_multiplies(
    fitted: Path, photos: list[Path]
) -> None:
    first, second = Prior(np.array([1.0, 2.0, 3.0, 4.0])), Prior(np.array([5.0, 1.0, 1.0, 0.0]))
    both = Recognizer(fitted).under(first).under(second)
    once = Recognizer(fitted).under(Prior(first.weights * second.weights))
    held = pickle.loads(pickle.dumps(both))
    for other in (once, held):
        assert list(both.answers(photos)) == list(other.answers(photos))


def test_the_command_refuses_what_cannot_work(
    command: Callable[..., Any], fitted: Path, photos: list[Path], tmp_path: Path
) -> None:
    classes = Recognizer(fitted).classes
    only, prior = tmp_path / "here.txt", tmp_path / "month.csv"
    only.write_text(classes[0], encoding="utf-8")
    prior.write_text(f"class,weight\n{classes[1]},1\n", encoding="utf-8")
    found = command("predict", fitted, *photos, "--only", only, "--prior", prior)
    assert found.code == 2
    assert f"no class stands in both {prior} and {only}: correct one of them" in " ".join(found.err.split())
    found = command("predict", fitted, "--watch", tmp_path, "--prior", "estimate")
    assert found.code == 2
    wanted = "--prior estimate needs all photos at once, which --watch does not have: name a table"
    assert wanted in " ".join(found.err.split())
