"""Scores of being known against other libraries, and the threshold's law."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import logsumexp, softmax
from scipy.stats import entropy
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors

from fieldmark import Recognizer
from fieldmark.arrays import evenly, unit_rows
from fieldmark.openset.class_gaussians import ClassGaussians
from fieldmark.openset.projection import Projection
from fieldmark.openset.unknown_scores import (
    OpenSetFeatures,
    fit_threshold,
    known_scores,
    scales_on,
    threshold_at,
)
from fieldmark.recognizer.open_set_outputs import open_set_features
from fieldmark.scores import UNKNOWN_SCORES

rng = np.random.default_rng(0)
TRAIN_LABELS = rng.integers(5, size=300)
CENTRES = rng.normal(size=(5, 8)) * 2
TRAIN = unit_rows(CENTRES[TRAIN_LABELS] + 0.4 * rng.normal(size=(300, 8)))
LOGITS = rng.normal(size=(40, 5)) * 3
VECTORS = unit_rows(rng.normal(size=(40, 8)))
STATISTICS = ClassGaussians.fit(TRAIN, TRAIN_LABELS, 5)
PHOTOS = OpenSetFeatures(softmax(LOGITS, 1), LOGITS, VECTORS, TRAIN, STATISTICS)


def _mahalanobis(rows: np.ndarray, means: np.ndarray, spread: np.ndarray) -> np.ndarray:
    inverse = np.linalg.inv(LedoitWolf(assume_centered=True).fit(spread).covariance_)
    return cdist(rows, means, "mahalanobis", VI=inverse) ** 2


def _oracle(name: str) -> np.ndarray:
    means = np.stack([TRAIN[label == TRAIN_LABELS].mean(0) for label in range(5)])
    near = _mahalanobis(VECTORS, means, TRAIN - means[TRAIN_LABELS]).min(1)
    far = _mahalanobis(VECTORS, TRAIN.mean(0, keepdims=True), TRAIN - TRAIN.mean(0))[:, 0]
    nearest = NearestNeighbors(n_neighbors=1, metric="cosine").fit(TRAIN).kneighbors(VECTORS)[0][:, 0]
    oracles = {
        "max_softmax": softmax(LOGITS, 1).max(1),
        "entropy": -entropy(softmax(LOGITS, 1), axis=1),
        "max_logit": LOGITS.max(1),
        "energy": logsumexp(LOGITS, axis=1),
        "nearest": 1 - nearest,
        "mahalanobis": -near,
        "relative_mahalanobis": -(near - far),
    }
    return np.asarray(oracles[name])


SUMS = {name: score for name, score in UNKNOWN_SCORES.load_all().items() if not callable(score)}


@pytest.mark.parametrize("name", [name for name in UNKNOWN_SCORES if name not in SUMS])
def test_each_score_equals_that_of_another_library(name: str) -> None:
    np.testing.assert_allclose(known_scores(name, PHOTOS, {}), _oracle(name), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", SUMS)
def test_a_joined_score_is_the_weighted_sum_of_standardised_scores(name: str) -> None:
    scales = scales_on(PHOTOS)
    expected = np.zeros(40)
    for part, weight in SUMS[name].items():
        values = known_scores(part, PHOTOS, {})
        expected += weight * (values - values.mean()) / values.std()
    np.testing.assert_allclose(known_scores(name, PHOTOS, scales), expected)


@pytest.mark.parametrize("count", [1, 7, 20, 150, 1000])
@pytest.mark.parametrize("kept", [0.5, 0.9, 0.95, 0.99])
def test_the_threshold_keeps_at_least_the_stated_share(count: int, kept: float) -> None:
    scores = np.random.default_rng(count).normal(size=count)
    threshold = threshold_at(scores, kept)
    assert (scores >= threshold).mean() >= kept
    assert (scores > threshold).mean() < kept


def test_the_fitted_threshold_keeps_val_photos_known() -> None:
    facts = fit_threshold(PHOTOS, {}, "energy", 0.9)
    assert facts is not None
    assert (known_scores("energy", PHOTOS, facts.scales) >= facts.threshold).mean() == 0.9
    none = np.zeros((0, 5))
    assert fit_threshold(OpenSetFeatures(none, none, VECTORS[:0], TRAIN, STATISTICS), {}, "energy") is None


def test_a_projection_keeps_cosines_and_is_the_same_again() -> None:
    rows = rng.normal(size=(60, 20)).astype(np.float32)
    whole = Projection.fit(rows, limit=20)
    centred = unit_rows(unit_rows(rows) - unit_rows(rows).mean(0))
    np.testing.assert_allclose(whole(rows) @ whole(rows).T, centred @ centred.T, atol=1e-4)
    short = Projection.fit(rows, limit=6)
    assert (short.dim, short.key) == (6, Projection.fit(rows, limit=6).key)
    assert short.key != whole.key
    np.testing.assert_allclose(np.linalg.norm(short(rows * 7), axis=1), 1.0, rtol=1e-5)


def test_evenly_takes_the_ends_and_no_more_than_asked() -> None:
    assert evenly(0, 5).tolist() == []
    assert evenly(3, 5).tolist() == [0, 1, 2]
    chosen = evenly(1000, 7)
    assert (len(chosen), chosen[0], chosen[-1]) == (7, 0, 999)


def test_a_photo_below_the_threshold_is_unknown(model_copy: Path, birds: Path) -> None:
    photos = sorted(birds.rglob("*.jpg"))[::12]
    scores = open_set_features(Recognizer(model_copy), photos)[1].known_scores
    assert scores is not None
    file = model_copy / "fieldmark.json"
    content = json.loads(file.read_text())
    middle = float(np.median(scores))
    content["unknown"]["threshold"] = middle
    file.write_text(json.dumps(content))
    recognizer = Recognizer(model_copy)
    unknown = recognizer.scores(photos).unknown
    assert unknown is not None
    assert unknown.tolist() == (scores < middle).tolist()
    assert [answer.unknown for answer in recognizer.predict(photos)] == (scores < middle).tolist()


def test_answers_say_whether_a_photo_is_known(fitted: Path, birds: Path) -> None:
    recognizer = Recognizer(fitted)
    train = [birds / row.path for row in recognizer.split() if row.split == "train"]
    assert np.mean([answer.unknown for answer in recognizer.predict(train)]) < 0.2
    scores = recognizer.scores([*train[:3], train[0].with_name("missing.jpg")])
    features, outputs, errors = open_set_features(recognizer, [*train[:3], train[0].with_name("missing.jpg")])
    assert scores.unknown is not None
    assert outputs.unknown is not None
    assert scores.unknown.tolist() == [*outputs.unknown.tolist(), False]
    assert (len(features.vectors), set(errors)) == (3, {3})


def test_a_weighted_threshold_is_that_of_repeated_photos() -> None:
    random = np.random.default_rng(0)
    scores, times = random.normal(size=60), random.integers(1, 5, 60)
    for kept in (0.95, 0.8, 0.5):
        assert threshold_at(scores, kept, times.astype(float)) == threshold_at(np.repeat(scores, times), kept)
    assert threshold_at(scores, 0.9, np.full(60, 0.3)) == threshold_at(scores, 0.9)
