"""Figures of the open set against slow loops and scikit-learn, and the evaluation on photos of unknown classes."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from fieldmark import DataError, Recognizer, read
from fieldmark.evaluation.open_set import evaluate_open_set, fpr_at, open_set_photos, oscr
from fieldmark.openset.unknown_scores import known_scores
from fieldmark.recognizer.open_set_outputs import open_set_features


@pytest.fixture(scope="module")
def strangers(birds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The birds, and a class of their mirror-negatives that the model never saw."""
    from PIL import Image, ImageOps

    root = tmp_path_factory.mktemp("strangers") / "data"
    shutil.copytree(birds, root)
    (root / "negative").mkdir()
    for index, path in enumerate(sorted(birds.rglob("*.jpg"))[::8]):
        ImageOps.invert(Image.open(path).convert("RGB")).save(root / "negative" / f"{index}.png")
    return root


def _photos(seed: int, ties: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    is_known = rng.random(120) < 0.6
    scores = rng.normal(size=120) + is_known
    return (scores.round(1) if ties else scores), is_known, rng.random(120) < 0.8


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_oscr_is_the_area_that_a_loop_over_thresholds_finds(seed: int, ties: bool) -> None:
    scores, is_known, right = _photos(seed, ties)
    points = [(0.0, 0.0)]
    for threshold in sorted(set(scores), reverse=True):
        correct = sum(s >= threshold and k and r for s, k, r in zip(scores, is_known, right, strict=True))
        false = sum(s >= threshold and not k for s, k in zip(scores, is_known, strict=True))
        points.append((false / (~is_known).sum(), correct / is_known.sum()))
    area = sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in itertools.pairwise(points))
    assert oscr(scores, is_known, right) == pytest.approx(area)
    assert oscr(scores, is_known, np.ones(120, bool)) == pytest.approx(roc_auc_score(is_known, scores))


@pytest.mark.parametrize("seed", range(3))
def test_the_false_positive_rate_is_a_point_of_scikit_learns_curve(seed: int) -> None:
    scores, is_known, _ = _photos(seed, ties=True)
    false, true, _ = roc_curve(is_known, scores, drop_intermediate=False)
    assert fpr_at(0.95, scores, is_known) == pytest.approx(false[np.argmax(true >= 0.95)])


def test_a_perfect_score() -> None:
    is_known = np.arange(10) < 6
    assert oscr(is_known.astype(float), is_known, np.ones(10, bool)) == 1.0
    assert fpr_at(0.95, is_known.astype(float), is_known) == 0.0


def test_photos_of_other_classes_are_the_unknown(fitted: Path, strangers: Path) -> None:
    recognizer = Recognizer(fitted)
    found = evaluate_open_set(recognizer, strangers)
    tested = sum(row.split == "test" for row in recognizer.split())
    assert (found.num_known, found.num_unknown) == (tested, 12)
    own = recognizer.manifest.unknown
    assert own is not None
    assert next(iter(found.scores)) == found.score == own.score
    assert {"max_softmax", "entropy", "max_logit", "energy", "nearest", "mahalanobis"} < set(found.scores)
    assert all(0 <= one.oscr <= found.top1_accuracy + 1e-9 for one in found.scores.values())
    assert found.errors == {}
    known, unknown = open_set_photos(recognizer, read(strangers), "test")
    nearest = known_scores("nearest", open_set_features(recognizer, [*known, *unknown])[0], {})
    expected = roc_auc_score(np.arange(len(nearest)) < tested, nearest)
    assert found.scores["nearest"].auroc == pytest.approx(expected)
    kept = np.mean([not answer.unknown for answer in recognizer.predict([record.path for record in known])])
    assert found.known_kept == pytest.approx(kept)


def test_without_unknown_photos_it_is_refused(fitted: Path, birds: Path) -> None:
    with pytest.raises(DataError) as raised:
        evaluate_open_set(Recognizer(fitted), birds)
    assert str(raised.value) == (
        f"expected test photos of classes that the model does not know in {birds}, but there are none"
    )


def test_the_command_prints_one_object(fitted: Path, strangers: Path, command: Callable[..., Any]) -> None:
    done = command("evaluate", fitted, strangers, "--open-set", "--json")
    printed = json.loads(done.out)
    assert done.code == 0
    assert {"num_known", "num_unknown", "score", "known_kept", "unknown_found", "scores"} <= set(printed)
    assert set(printed["scores"]["max_softmax"]) == {"auroc", "fpr_at_95", "oscr"}
    shown = command("evaluate", fitted, strangers, "--open-set")
    assert "unknown photos detected" in shown.err
    both = command("evaluate", fitted, strangers, "--open-set", "--retrieval")
    assert both.code == 2
    assert "leave out --rows, --stress, --retrieval and --oracle" in both.err
