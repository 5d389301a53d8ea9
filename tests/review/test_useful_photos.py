"""The choice of photos to label: uncertain and different ones, by a slow oracle and by laws."""

from __future__ import annotations

import numpy as np
import pytest

from fieldmark.review.useful_photos import choose_photos


def drawn(count: int = 60, classes: int = 5, dim: int = 7, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, K) and unit vectors (n, d)."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, dim))
    return rng.dirichlet(np.ones(classes), count), vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def slowly(probabilities: np.ndarray, vectors: np.ndarray, count: int, seed: int) -> list[int]:
    """k-means++ on whole gradients (n, K * d), as algorithm 1 of the paper writes it."""
    gradients = []
    for row, vector in zip(probabilities, vectors, strict=True):
        residual = row.copy()
        residual[row.argmax()] -= 1
        gradients.append(np.outer(residual, vector).ravel())
    points = np.array(gradients)
    rng = np.random.default_rng(seed)
    chosen = [int(np.linalg.norm(points, axis=1).argmax())]
    while len(chosen) < count:
        distance = np.min([np.square(points - points[one]).sum(1) for one in chosen], axis=0)
        distance[chosen] = 0
        chosen.append(int(rng.choice(len(points), p=distance / distance.sum())))
    return chosen


@pytest.mark.parametrize("seed", range(3))
def test_it_is_k_means_plus_plus_on_gradients(seed: int) -> None:
    probabilities, vectors = drawn(seed=seed)
    assert choose_photos(probabilities, vectors, 12, seed=seed).tolist() == slowly(probabilities, vectors, 12, seed)


def test_each_photo_is_chosen_once_and_no_more_than_there_are() -> None:
    probabilities, vectors = drawn(count=15)
    for count in (0, 1, 14, 15, 99):
        chosen = choose_photos(probabilities, vectors, count)
        assert len(set(chosen.tolist())) == len(chosen) == min(count, 15)
    assert len(choose_photos(probabilities[:0], vectors[:0], 5)) == 0


def test_each_different_photo_comes_before_repetitions() -> None:
    """Certain photos have no gradient and so count as one point, whatever they show."""
    probabilities, vectors = drawn(count=20)
    probabilities[10:] = np.eye(5)[0]  # certain
    probabilities[5:10], vectors[5:10] = probabilities[:5], vectors[:5]  # the same photos again
    chosen = choose_photos(probabilities, vectors, 20, seed=1).tolist()
    uncertain = [one for one in chosen[:6] if one < 10]
    assert {one % 5 for one in uncertain} == {0, 1, 2, 3, 4}
    assert len(uncertain) == 5
    assert set(chosen) == set(range(20))
