"""Retrieval figures against slow loops and another library, and their invariants."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fieldmark import DataError
from fieldmark.evaluation import retrieval
from fieldmark.evaluation.retrieval import compute_retrieval, ranks_of_matches


def drawn(seed: int, count: int = 60, classes: int = 7, spread: float = 1.0) -> tuple[NDArray, NDArray]:
    """Generate unit vectors around a centre for each class."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, count)
    vectors = random.normal(size=(classes, 5))[labels] + spread * random.normal(size=(count, 5))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


def slow(embeddings: NDArray, labels: NDArray) -> dict[str, float]:
    """Compute every figure by its definition, one photo at a time."""
    found: dict[str, list[float]] = {name: [] for name in ("1", "2", "4", "8", "precision", "map")}
    for query in range(len(labels)):
        others = [index for index in range(len(labels)) if index != query]
        others.sort(key=lambda index: -float(embeddings[index] @ embeddings[query]))
        hits = [labels[index] == labels[query] for index in others]
        total = sum(hits)
        if total:
            for k in (1, 2, 4, 8):
                found[str(k)].append(any(hits[:k]))
            found["precision"].append(sum(hits[:total]) / total)
            found["map"].append(sum(hits[i] * sum(hits[: i + 1]) / (i + 1) for i in range(total)) / total)
    return {name: float(np.mean(values)) for name, values in found.items()}


@pytest.mark.parametrize("seed", range(3))
def test_figures_equal_those_of_a_slow_loop(seed: int) -> None:
    embeddings, labels = drawn(seed)
    metrics, expected = compute_retrieval(embeddings, labels), slow(embeddings, labels)
    assert [metrics.recall_at_1, metrics.recall_at_2, metrics.recall_at_4, metrics.recall_at_8] == pytest.approx(
        [expected[k] for k in "1248"]
    )
    assert metrics.r_precision == pytest.approx(expected["precision"])
    assert metrics.map_at_r == pytest.approx(expected["map"])


def test_figures_equal_those_of_pytorch_metric_learning() -> None:
    from pytorch_metric_learning.distances import CosineSimilarity
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
    from pytorch_metric_learning.utils.inference import CustomKNN

    embeddings, labels = drawn(5, count=300, classes=12)
    calculator = AccuracyCalculator(
        include=("precision_at_1", "r_precision", "mean_average_precision_at_r"),
        k="max_bin_count",
        device=torch.device("cpu"),
        knn_func=CustomKNN(CosineSimilarity()),
    )
    expected = calculator.get_accuracy(torch.from_numpy(embeddings), torch.from_numpy(labels))
    metrics = compute_retrieval(embeddings, labels)
    assert metrics.recall_at_1 == pytest.approx(expected["precision_at_1"])
    assert metrics.r_precision == pytest.approx(expected["r_precision"])
    assert metrics.map_at_r == pytest.approx(expected["mean_average_precision_at_r"])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), spread=st.floats(0.1, 3))
def test_laws(seed: int, spread: float) -> None:
    embeddings, labels = drawn(seed, spread=spread)
    metrics = compute_retrieval(embeddings, labels)
    assert 0 <= metrics.map_at_r <= metrics.r_precision <= 1
    assert metrics.recall_at_1 <= metrics.recall_at_2 <= metrics.recall_at_4 <= metrics.recall_at_8
    order = np.random.default_rng(seed).permutation(len(labels))
    again = compute_retrieval(embeddings[order], 100 - labels[order])  # neither order nor labels matter
    assert list(again.to_dict().values()) == pytest.approx(list(metrics.to_dict().values()))


def test_separated_classes_are_retrieved_completely() -> None:
    metrics = compute_retrieval(np.eye(4, dtype=np.float32)[[0, 0, 1, 1, 2, 2, 2]], np.array([0, 0, 1, 1, 2, 2, 2]))
    assert metrics.recall_at_1 == metrics.r_precision == metrics.map_at_r == 1


def test_a_collapsed_embedding_retrieves_nothing() -> None:
    labels = np.repeat(np.arange(10), 3)
    metrics = compute_retrieval(np.ones((30, 1), dtype=np.float32), labels)
    assert metrics.recall_at_8 == metrics.map_at_r == 0


def test_the_only_photo_of_a_class_is_searched_but_is_not_a_query() -> None:
    embeddings = np.array([[1, 0], [0.9, np.sqrt(0.19)], [0.99, np.sqrt(1 - 0.99**2)]], dtype=np.float32)
    metrics = compute_retrieval(embeddings, np.array([0, 0, 1]))
    assert (metrics.num_images, metrics.num_queries, metrics.num_classes) == (3, 2, 2)
    assert metrics.recall_at_1 == 0
    assert metrics.recall_at_2 == 1


def test_no_two_photos_of_a_class() -> None:
    with pytest.raises(DataError) as caught:
        compute_retrieval(np.eye(3, dtype=np.float32), np.arange(3))
    assert str(caught.value) == (
        "expected classes of two photos or more to find one by the other, but each of 3 photos is alone in its class: "
        "add photos"
    )


def test_the_block_size_does_not_change_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    embeddings, labels = drawn(1)
    whole = list(ranks_of_matches(embeddings, labels))
    monkeypatch.setattr(retrieval, "_BLOCK_BYTES", 4 * len(labels) * 7)
    for one, other in zip(whole, ranks_of_matches(embeddings, labels), strict=True):
        np.testing.assert_array_equal(one, other)
