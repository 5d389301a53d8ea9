"""A fit for the mean class accuracy: a long tail of drawn birds, with what its model promises."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fieldmark import Recognizer, fit
from fieldmark.data.read import read
from fieldmark.layers.class_balance import STRENGTHS
from fieldmark.structures import RecordList
from fieldmark.uncertainty.conformal import label_shift_quantiles
from fieldmark.uncertainty.prior import Prior

Models = tuple[Recognizer, Recognizer]


@pytest.fixture(scope="module")
def tail(birds: Path) -> RecordList:
    """Drawn birds of which every second class keeps four photos."""
    records = read(birds)
    seen = dict.fromkeys(range(len(records.classes)), 0)
    kept = []
    for record in records:
        seen[record.label] += 1
        if record.label % 2 == 0 or seen[record.label] <= 4:
            kept.append(record)
    return records.like(kept)


@pytest.fixture(scope="module")
def models(tail: RecordList, tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("tail")
    for metric in ("top1", "mean_class"):
        fit(
            tail,
            folder / metric,
            method="linear_probe",
            image_size=64,
            overrides=[f"metric={metric}", "test_fraction=0"],
        )
    return Recognizer(folder / "top1"), Recognizer(folder / "mean_class")


def test_the_default_is_the_share_of_photos(tail: RecordList, models: Models, tmp_path: Path) -> None:
    fit(tail, tmp_path / "model", method="linear_probe", image_size=64, overrides=["test_fraction=0"])
    default, asked = Recognizer(tmp_path / "model").manifest, models[0].manifest
    assert [member.weights for member in default.members] == [member.weights for member in asked.members]
    assert default.checksums == asked.checksums
    assert default.scaling == asked.scaling


def test_the_model_states_both_accuracies(models: Models) -> None:
    plain, balanced = (model.manifest.figures for model in models)
    assert balanced["out_of_fold_mean_class"] >= plain["out_of_fold_mean_class"]
    assert plain["out_of_fold_top1"] != plain["out_of_fold_mean_class"]
    assert "mean class accuracy" in models[1].manifest.steps[0]


def test_the_logits_move_by_the_shares_of_the_classes(models: Models) -> None:
    plain, balanced = (model.manifest.scaling for model in models)
    assert balanced is not None
    assert plain is None
    step = (balanced.shift[1] - balanced.shift[0]) / np.log(24 / 4)
    assert min(abs(step - strength) for strength in STRENGTHS) < 1e-6


def test_sets_count_each_class_the_same(models: Models) -> None:
    guarantees = models[1].guarantees
    tables = guarantees.tables
    assert guarantees.class_weights is not None
    per_class = np.bincount(tables.labels, weights=tables.weights, minlength=len(tables.class_weights))
    np.testing.assert_allclose(
        per_class[per_class > 0], per_class[0], rtol=0.5
    )  # photos unknown to a fold are left out
    expected = label_shift_quantiles(tables.scores, tables.weights, tables.class_weights, 0.8)
    np.testing.assert_array_equal(guarantees.quantile(0.8, len(expected)), expected)
    assert models[0].guarantees.class_weights is None
    facts = models[1].manifest.guarantees
    assert facts is not None
    assert facts.effective_photos is not None
    assert facts.effective_photos < facts.photos


def test_the_shares_that_a_prior_starts_from_count_each_class_the_same(models: Models) -> None:
    tables = models[1].guarantees.tables
    classes = [tables.sample[tables.sample_labels == label].mean(0) for label in np.unique(tables.sample_labels)]
    np.testing.assert_allclose(models[1].training_shares, np.mean(classes, axis=0), atol=0.05)


def test_a_prior_multiplies_the_weights_of_the_classes(models: Models) -> None:
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    own, found = models[1].guarantees, models[1].under(Prior(weights)).guarantees
    assert own.class_weights is not None
    assert found.class_weights is not None
    np.testing.assert_allclose(found.class_weights, weights * own.class_weights)
    np.testing.assert_allclose(found.tables.weights, found.class_weights[found.tables.labels])


def test_an_enrolled_class_gets_a_weight(models: Models, tail: RecordList, tmp_path: Path) -> None:
    shutil.copytree(models[1].path, tmp_path / "model")
    recognizer = Recognizer(tmp_path / "model")
    recognizer.enroll("another", [record.path for record in tail][:3])
    answer = Recognizer(tmp_path / "model").predict(tail[0].path)
    assert len(answer.candidates) > 0
