"""The regression against scikit-learn's, which has the same objective."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from fieldmark.arrays import log_softmax
from fieldmark.layers import softmax_regression
from fieldmark.layers.row_space import span_rows
from fieldmark.layers.softmax_regression import LinearHead, fit_softmax

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class _Chunked:
    """The rows of an array in chunks of uneven sizes."""

    def __init__(self, rows: Floats, size: int) -> None:
        self.rows, self.size, self.dim, self.passes = rows, size, rows.shape[1], 0

    def __len__(self) -> int:
        return len(self.rows)

    def chunks(self) -> Iterator[tuple[slice, Floats]]:
        self.passes += 1
        for start in range(0, len(self.rows), self.size):
            where = slice(start, min(start + self.size, len(self.rows)))
            yield where, self.rows[where]


@pytest.fixture(scope="module")
def blobs() -> tuple[Floats, Ints]:
    """120 rows of 4 classes that overlap, with a mean squared norm of about 1."""
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 4
    rows = rng.normal(size=(4, 10))[labels] * 0.2 + rng.normal(size=(120, 10)) * 0.25
    return rows.astype(np.float32), labels


def _probabilities(head: LinearHead, rows: Floats) -> NDArray[np.float64]:
    return np.exp(log_softmax(head(rows)))


def _objective(head: LinearHead, rows: Floats, labels: Ints, C: float) -> float:
    loss = -log_softmax(head(rows))[np.arange(len(labels)), labels].mean()
    return float(loss + np.square(head.weight).sum() / (2 * C * len(labels)))


@pytest.mark.parametrize("C", [0.1, 15.0, 45.0])
def test_the_solution_is_that_of_scikit_learn(blobs: tuple[Floats, Ints], C: float) -> None:
    rows, labels = blobs
    oracle = LogisticRegression(C=C, max_iter=5000, tol=1e-8).fit(rows.astype(np.float64), labels)
    head = fit_softmax(rows, labels, 4, C)
    np.testing.assert_allclose(_probabilities(head, rows), oracle.predict_proba(rows), atol=1e-3)


def test_two_classes_keep_a_logit_each(blobs: tuple[Floats, Ints]) -> None:
    """scikit-learn folds two classes into one logit; the softmax of two with the same penalty is its C / 2."""
    rows, labels = blobs[0], blobs[1] % 2
    oracle = LogisticRegression(C=20.0, max_iter=5000, tol=1e-8).fit(rows.astype(np.float64), labels)
    head = fit_softmax(rows, labels, 2, 10.0)
    assert head.weight.shape == (2, 10)
    np.testing.assert_allclose(_probabilities(head, rows), oracle.predict_proba(rows), atol=1e-3)


@pytest.mark.parametrize("in_memory", [True, False])
def test_chunks_give_the_solution_of_the_whole(
    blobs: tuple[Floats, Ints], in_memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, labels = blobs
    if not in_memory:
        monkeypatch.setattr(softmax_regression, "_IN_MEMORY_BYTES", 1)
    chunked = _Chunked(rows, 23)
    head, whole = fit_softmax(chunked, labels, 4, 5.0), fit_softmax(rows, labels, 4, 5.0)
    np.testing.assert_allclose(_probabilities(head, rows), _probabilities(whole, rows), atol=1e-3)
    assert (chunked.passes == 1) == in_memory


def test_a_fit_goes_on_from_where_another_ended(blobs: tuple[Floats, Ints]) -> None:
    rows, labels = blobs
    solution = fit_softmax(rows, labels, 4, 15.0)
    cold = fit_softmax(rows, labels, 4, 15.0, max_iter=2)
    warm = fit_softmax(rows, labels, 4, 15.0, max_iter=2, start=solution)
    best = _objective(solution, rows, labels, 15.0)
    assert _objective(warm, rows, labels, 15.0) <= best + 1e-6
    assert _objective(cold, rows, labels, 15.0) > best + 1e-3


def test_the_start_is_not_changed(blobs: tuple[Floats, Ints]) -> None:
    rows, labels = blobs
    start = fit_softmax(rows, labels, 4, 1.0)
    kept = start.weight.copy(), start.bias.copy()
    fit_softmax(rows, labels, 4, 45.0, start=start)
    np.testing.assert_array_equal(start.weight, kept[0])
    np.testing.assert_array_equal(start.bias, kept[1])


def test_a_class_without_rows_is_never_the_answer(blobs: tuple[Floats, Ints]) -> None:
    rows, labels = blobs
    head = fit_softmax(rows, labels, 6, 15.0)
    probabilities = _probabilities(head, rows)
    assert np.isfinite(head.weight).all()
    assert probabilities[:, 4:].max() < 0.02
    oracle = LogisticRegression(C=15.0, max_iter=5000, tol=1e-8).fit(rows.astype(np.float64), labels)
    assert (probabilities.argmax(1) == oracle.predict(rows)).all()


def test_weak_penalty_learns_the_rows_and_a_strong_one_the_shares(blobs: tuple[Floats, Ints]) -> None:
    rows, labels = blobs[0][:100], blobs[1][:100]
    strong = _probabilities(fit_softmax(rows, labels, 4, 1e-6), rows)
    np.testing.assert_allclose(strong, np.tile(np.bincount(labels) / 100, (100, 1)), atol=1e-3)
    weak = fit_softmax(rows[:12], labels[:12], 4, 1e4)
    assert (weak(rows[:12]).argmax(1) == labels[:12]).all()


def test_a_head_is_linear() -> None:
    head = LinearHead(np.array([[1.0, 2.0], [3.0, 4.0]], np.float32), np.array([0.5, -0.5], np.float32))
    np.testing.assert_array_equal(head(np.array([[1.0, 1.0]], np.float32)), [[3.5, 6.5]])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.gpu
def test_a_gpu_finds_the_solution_of_the_cpu() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 40)).astype(np.float32)
    labels = np.random.default_rng(1).integers(0, 7, 300)
    on_cpu, on_gpu = (fit_softmax(rows, labels, 7, 15.0, device=device) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(on_gpu(rows), on_cpu(rows), atol=2e-2)


def test_without_rows_the_head_is_zero() -> None:
    """A cross-validation whose photos are all one group leaves nothing to learn from."""
    head = fit_softmax(np.zeros((0, 5), np.float32), np.zeros(0, np.int64), 3, 1.0)
    assert head.weight.shape == (3, 5)
    assert not head.weight.any()
    assert not head.bias.any()


@pytest.fixture(scope="module")
def long_rows() -> tuple[Floats, Ints]:
    """60 rows of 300 numbers, 4 classes; every third row is nearly a copy of the one before."""
    rng = np.random.default_rng(1)
    labels = np.arange(60) % 4
    rows = rng.normal(size=(4, 300))[labels] * 0.03 + rng.normal(size=(60, 300)) * 0.05
    rows[2::3], labels[2::3] = rows[1::3] + rng.normal(size=rows[1::3].shape) * 1e-5, labels[1::3]
    return rows.astype(np.float32), labels


@pytest.mark.parametrize("C", [0.1, 15.0, 45.0])
def test_long_rows_have_the_solution_of_scikit_learn(long_rows: tuple[Floats, Ints], C: float) -> None:
    rows, labels = long_rows
    assert softmax_regression._are_long(rows)
    oracle = LogisticRegression(C=C, max_iter=5000, tol=1e-8).fit(rows.astype(np.float64), labels)
    head = fit_softmax(rows, labels, 4, C)
    unseen = np.random.default_rng(2).normal(size=(50, 300)).astype(np.float32) * 0.05
    for photos in (rows, unseen):
        np.testing.assert_allclose(_probabilities(head, photos), oracle.predict_proba(photos), atol=2e-3)


def test_long_rows_in_chunks_and_from_a_start_have_the_solution_of_the_whole(
    long_rows: tuple[Floats, Ints], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, labels = long_rows
    whole = fit_softmax(rows, labels, 4, 5.0)
    monkeypatch.setattr(softmax_regression, "_IN_MEMORY_BYTES", 1)
    chunked = fit_softmax(_Chunked(rows, 23), labels, 4, 5.0)
    np.testing.assert_allclose(_probabilities(chunked, rows), _probabilities(whole, rows), atol=1e-3)
    again = fit_softmax(rows, labels, 4, 5.0, start=whole, max_iter=1)  # one step from the solution stays there
    np.testing.assert_allclose(_probabilities(again, rows), _probabilities(whole, rows), atol=1e-3)


def test_weights_of_long_rows_count(long_rows: tuple[Floats, Ints]) -> None:
    rows, labels = long_rows
    weights = np.linspace(0.2, 1.8, len(rows))
    oracle = LogisticRegression(C=5.0, max_iter=5000, tol=1e-8).fit(rows.astype(np.float64), labels, weights)
    head = fit_softmax(rows, labels, 4, 5.0, weights=weights)
    np.testing.assert_allclose(_probabilities(head, rows), oracle.predict_proba(rows), atol=2e-3)


def test_coordinates_keep_the_inner_products_of_rows(long_rows: tuple[Floats, Ints]) -> None:
    rows = torch.from_numpy(long_rows[0])
    span = span_rows(lambda: [(slice(0, 25), rows[:25]), (slice(25, 60), rows[25:])], 60)
    assert span is not None
    torch.testing.assert_close(span.coordinates @ span.coordinates.T, rows @ rows.T, atol=2e-5, rtol=1e-4)
    weight = torch.randn(4, 60, generator=torch.Generator().manual_seed(0)) @ rows  # weights in the space of the rows
    back = span.lift(span.project(weight))
    torch.testing.assert_close(rows @ back.T, rows @ weight.T, atol=1e-2, rtol=1e-2)


def test_rows_of_zeros_span_nothing() -> None:
    rows = torch.zeros(5, 20)
    assert span_rows(lambda: [(slice(0, 5), rows)], 5) is None
    head = fit_softmax(rows.numpy(), np.arange(5) % 2, 2, 1.0)
    assert not head.weight.any()
    assert head.bias[0] - head.bias[1] == pytest.approx(np.log(3 / 2), abs=1e-3)
