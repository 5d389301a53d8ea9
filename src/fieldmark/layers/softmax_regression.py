"""Multinomial logistic regression on rows that may not fit into memory.

scikit-learn's ``LogisticRegression`` needs the whole matrix as one array and starts every fit from zero. Here, rows
come in chunks (half precision on disk, float32 in memory), a fit can start from the solution of a similar one, and few
long rows are fitted in the space that they span. The objective is the same; the tests compare both solutions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fieldmark.arrays import Float32s, Floats
from fieldmark.layers.row_space import MAX_ROWS, Chunks, span_rows

__all__ = ["LinearHead", "RowSource", "fit_softmax"]


_IN_MEMORY_BYTES = 72 << 20
_ON_GPU_BYTES = 4 << 30


class RowSource(Protocol):
    """Rows (n, dim) in chunks, such as `DesignMatrix`."""

    dim: int

    def __len__(self) -> int: ...

    def chunks(self) -> Iterator[tuple[slice, Float32s]]: ...


@dataclass(frozen=True, slots=True)
class LinearHead:
    """A linear classifier: logits = rows @ weight.T + bias, with weight (K, D) and bias (K,)."""

    weight: Float32s
    bias: Float32s

    def __call__(self, rows: Float32s) -> Float32s:
        """Rows (n, D) to logits (n, K)."""
        return rows @ self.weight.T + self.bias


def fit_softmax(
    rows: RowSource | Float32s,
    labels: NDArray[np.int64],
    num_classes: int,
    C: float,
    *,
    weights: Floats | None = None,
    start: LinearHead | None = None,
    max_iter: int = 150,
    device: str = "cpu",
) -> LinearHead:
    """Minimise mean cross-entropy + |W|^2 / (2 C n), scikit-learn's objective divided by C n, by L-BFGS.

    Args:
        rows: (n, D), whole or in chunks.
        labels: Class of each row, (n,).
        num_classes: K. A class without rows gets a low bias; it is no error. Without any rows the head is zero.
        C: Inverse strength of the penalty; the bias is not penalised.
        weights: Weight of each row, (n,), 1 on average; None if all count the same.
        start: Where to start from; zeros for None.
        max_iter: Maximum number of L-BFGS iterations.
        device: Where the products are computed.
    """
    if not len(labels):
        return LinearHead(np.zeros((num_classes, _dim(rows)), np.float32), np.zeros(num_classes, np.float32))
    chunks: Chunks = _TensorChunks(rows, device)
    target = torch.from_numpy(np.ascontiguousarray(labels)).to(device)
    each = None if weights is None else torch.from_numpy(np.asarray(weights, np.float32)).to(device)[:, None]
    begin = _start(num_classes, _dim(rows), start).to(device)
    # A GPU multiplies the long rows faster than it would factor their inner products.
    span = span_rows(chunks, len(labels)) if device == "cpu" and _are_long(rows) else None
    if span is not None:
        chunks = span.chunks
        begin = torch.cat([span.project(begin[:, :-1]), begin[:, -1:]], 1)
    found = _minimize(chunks, target, each, begin, C, max_iter)
    weight = found[:, :-1] if span is None else span.lift(found[:, :-1])
    return LinearHead(np.ascontiguousarray(weight.cpu().numpy()), found[:, -1].cpu().numpy().copy())


def _minimize(chunks: Chunks, target: Tensor, each: Tensor | None, begin: Tensor, C: float, max_iter: int) -> Tensor:
    """Return the best parameters (K, dim + 1), the biases last, by L-BFGS.

    Args:
        chunks: Returns the rows.
        target: Class of each row, (n,).
        each: Weight of each row, (n, 1); None if all count the same.
        begin: Parameters to start from.
        C: See `fit_softmax`.
        max_iter: Maximum number of iterations.
    """
    count = len(target)
    parameters = begin.clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS(
        [parameters],
        max_iter=max_iter,
        history_size=10,
        line_search_fn="strong_wolfe",
        tolerance_grad=1e-5,
        tolerance_change=1e-7,
    )

    def objective() -> Tensor:
        weight, bias = parameters.detach()[:, :-1], parameters.detach()[:, -1]
        loss = weight.square().sum() / (2 * C * count)
        gradient = torch.cat([weight / (C * count), weight.new_zeros(len(weight), 1)], 1)
        for where, values in chunks():
            log_p = (values @ weight.T + bias).log_softmax(1)  # (chunk, K)
            own = log_p.gather(1, target[where, None])
            loss = loss - (own if each is None else own * each[where]).sum() / count
            residual = log_p.exp_()
            residual[torch.arange(len(values), device=residual.device), target[where]] -= 1.0
            if each is not None:
                residual *= each[where]
            gradient[:, :-1] += residual.T @ values / count
            gradient[:, -1] += residual.sum(0) / count
        parameters.grad = gradient
        return loss

    optimizer.step(objective)  # type: ignore[no-untyped-call]
    return parameters.detach()


def _start(num_classes: int, dim: int, start: LinearHead | None) -> Tensor:
    """Return parameters (K, dim + 1) to start from."""
    parameters = torch.zeros(num_classes, dim + 1)
    if start is not None:
        parameters[:, :-1], parameters[:, -1] = torch.from_numpy(start.weight), torch.from_numpy(start.bias)
    return parameters


def _are_long(rows: RowSource | Float32s) -> bool:
    """Return whether a fit in the space of the rows is worth its inner products."""
    return len(rows) <= min(MAX_ROWS, _dim(rows) // 2)


def _dim(rows: RowSource | Float32s) -> int:
    return int(rows.shape[1]) if isinstance(rows, np.ndarray) else rows.dim


class _TensorChunks:
    """Chunks of rows as tensors: kept in memory if they fit, read again in each pass otherwise."""

    def __init__(self, rows: RowSource | Float32s, device: str) -> None:
        self._device = device
        limit = _IN_MEMORY_BYTES if device == "cpu" else _ON_GPU_BYTES
        self._source: RowSource | None = None
        self._kept: list[tuple[slice, Tensor]] = []
        if isinstance(rows, np.ndarray):
            self._kept = [(slice(0, len(rows)), torch.from_numpy(rows).to(device))]
        elif 4 * len(rows) * rows.dim <= limit:
            self._kept = [(where, torch.from_numpy(values).to(device)) for where, values in rows.chunks()]
        else:
            self._source = rows

    def __call__(self) -> Iterable[tuple[slice, Tensor]]:
        if self._source is None:
            return self._kept
        return ((where, torch.from_numpy(values).to(self._device)) for where, values in self._source.chunks())
