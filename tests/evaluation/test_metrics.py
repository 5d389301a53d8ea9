"""The numbers of an evaluation against other libraries and slow loops."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_calibration_error,
    multiclass_f1_score,
)

from fieldmark.evaluation.intervals import proportion
from fieldmark.evaluation.metrics import compute_metrics, confused_pairs

K = 7
CLASSES = [f"class {index}" for index in range(K)]


def _sample(count: int = 300, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    labels = rng.choice(K, count, p=[0.3, 0.2, 0.2, 0.1, 0.1, 0.05, 0.05])
    logits = rng.normal(size=(count, K)) + 1.5 * np.eye(K)[labels]
    probabilities = np.exp(logits)
    return probabilities / probabilities.sum(1, keepdims=True), labels


def test_metrics_are_those_of_scikit_learn() -> None:
    probabilities, labels = _sample()
    predicted, metrics = probabilities.argmax(1), compute_metrics(probabilities, labels, CLASSES)
    assert metrics.num_images == 300
    assert metrics.top1_accuracy == pytest.approx(accuracy_score(labels, predicted))
    assert metrics.mean_class_accuracy == pytest.approx(balanced_accuracy_score(labels, predicted))
    assert metrics.macro_f1 == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert metrics.nll == pytest.approx(log_loss(labels, probabilities, labels=range(K)))


def test_metrics_are_those_of_torchmetrics() -> None:
    probabilities, labels = _sample()
    p, y = torch.from_numpy(probabilities), torch.from_numpy(labels)
    metrics = compute_metrics(probabilities, labels, CLASSES)
    for ours, theirs in (
        (metrics.top1_accuracy, multiclass_accuracy(p, y, K, average="micro")),
        (metrics.top5_accuracy, multiclass_accuracy(p, y, K, average="micro", top_k=5)),
        (metrics.mean_class_accuracy, multiclass_accuracy(p, y, K, average="macro")),
        (metrics.macro_f1, multiclass_f1_score(p, y, K, average="macro")),
        (metrics.ece, multiclass_calibration_error(p, y, K, n_bins=15)),
    ):
        assert ours == pytest.approx(float(theirs), abs=1e-6)


def test_classes_that_do_not_occur_do_not_count() -> None:
    """Macro figures are over the classes of the split: a missing class is neither right nor wrong."""
    probabilities, labels = _sample()
    some = labels < 3
    metrics = compute_metrics(probabilities[some], labels[some], CLASSES)
    predicted = probabilities[some].argmax(1)
    recalls = [(predicted[labels[some] == label] == label).mean() for label in range(3)]
    assert metrics.mean_class_accuracy == pytest.approx(np.mean(recalls))


def test_with_few_classes_the_truth_is_always_among_five() -> None:
    metrics = compute_metrics(np.array([[0.6, 0.3, 0.1]]), np.array([2]), ["a", "b", "c"])
    assert (metrics.top1_accuracy, metrics.top5_accuracy) == (0.0, 1.0)


def test_a_certain_mistake_costs_a_finite_amount() -> None:
    metrics = compute_metrics(np.array([[1.0, 0.0]]), np.array([1]), ["a", "b"])
    assert metrics.nll == pytest.approx(-np.log(1e-12))
    assert metrics.ece == 1.0


def test_metrics_are_json() -> None:
    probabilities, labels = _sample()
    content = json.loads(json.dumps(compute_metrics(probabilities, labels, CLASSES).to_dict()))
    assert set(content) == {
        "num_images", "top1_accuracy", "top1_interval", "top5_accuracy", "mean_class_accuracy", "macro_f1", "ece",
        "nll", "set_coverage", "set_size", "confused_pairs", "set_level", "set_score",
        "set_calibration_photos", "set_macro_coverage",
        "set_coverage_by_class", "set_coverage_by_size", "set_size_by_class", "accuracy_by_rank", "hierarchical_error",
        "back_off",
    }  # fmt: skip
    assert set(content["confused_pairs"][0]) == {"first", "second", "first_as_second", "second_as_first", "rate"}


def _slow_pairs(labels: NDArray[np.int64], predicted: NDArray[np.int64]) -> list[tuple[str, str, int, int, float]]:
    found = []
    for a in range(K):
        for b in range(a + 1, K):
            forth = sum(1 for x, y in zip(labels, predicted, strict=True) if (x, y) == (a, b))
            back = sum(1 for x, y in zip(labels, predicted, strict=True) if (x, y) == (b, a))
            rate = (forth + back) / max(1, sum(label in (a, b) for label in labels))
            if forth + back:
                one = (CLASSES[a], CLASSES[b], forth, back, rate)
                found.append(one if forth >= back else (CLASSES[b], CLASSES[a], back, forth, rate))
    return sorted(found, key=lambda pair: -(pair[2] + pair[3]))


@pytest.mark.parametrize("seed", range(3))
def test_confused_pairs_are_those_of_a_slow_loop(seed: int) -> None:
    probabilities, labels = _sample(seed=seed)
    predicted = probabilities.argmax(1)
    pairs = confused_pairs(labels, predicted, CLASSES, limit=99)
    got = [(p.first, p.second, p.first_as_second, p.second_as_first, p.rate) for p in pairs]
    assert got == _slow_pairs(labels, predicted)
    assert confused_pairs(labels, predicted, CLASSES, limit=4) == pairs[:4]


def test_no_mistakes_no_pairs() -> None:
    labels = np.arange(K)
    assert confused_pairs(labels, labels, CLASSES) == ()


def test_ten_thousand_classes_are_no_matrix() -> None:
    """A dense confusion matrix of so many classes would take gigabytes."""
    import tracemalloc

    count = 20_000
    labels = np.arange(count)
    tracemalloc.start()
    (pair, *_) = confused_pairs(labels, np.roll(labels, 1), [str(label) for label in labels], limit=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert pair.first_as_second + pair.second_as_first == 1
    assert peak < 100e6


@pytest.mark.parametrize(("hits", "total"), [(0, 5), (5, 5), (1, 3), (50, 80), (999, 1000), (0, 1)])
def test_wilson_interval_is_that_of_the_formula(hits: int, total: int) -> None:
    z, share = 1.959964, hits / total
    centre = (share + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z * np.sqrt(share * (1 - share) / total + z**2 / (4 * total**2)) / (1 + z**2 / total)
    found = proportion(hits, total)
    assert (found.value, found.low, found.high) == pytest.approx((share, centre - half, centre + half), abs=1e-6)
    assert 0.0 <= found.low <= share <= found.high <= 1.0


def test_a_proportion_of_nothing_is_unknown() -> None:
    found = proportion(0, 0)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 1.0)
