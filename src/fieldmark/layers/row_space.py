"""Coordinates of rows in the space that they span: a regression on few long rows needs no more numbers than rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["MAX_ROWS", "Chunks", "RowSpace", "span_rows"]

MAX_ROWS = 4096
"""The inner products of more rows take more memory than they are worth: 8 bytes for each pair."""

_JITTERS = (1e-5, 1e-4, 1e-3)
"""Added to the inner products, as a share of their mean diagonal, since near-copies among the rows make them singular
but for rounding. With the first, a row gets a coordinate that no other has, of 0.003 times the usual length."""

Chunks = Callable[[], Iterable[tuple[slice, Tensor]]]


@dataclass(frozen=True, slots=True)
class RowSpace:
    """Orthonormal coordinates of rows (n, D) in the space that they span, where n < D.

    With a squared penalty, the best weights of a linear model are a sum of rows (representer theorem: Schölkopf,
    Herbrich and Smola, COLT 2001), so that a fit on the coordinates has the same loss and the same penalty as a fit on
    the rows.

    Attributes:
        coordinates: (n, n), lower triangular; their inner products are those of the rows.
    """

    coordinates: Tensor
    _factor: Tensor  # the same in float64
    _rows: Chunks

    def chunks(self) -> Iterable[tuple[slice, Tensor]]:
        """Return the coordinates as `Chunks` do, in one chunk."""
        return [(slice(0, len(self.coordinates)), self.coordinates)]

    def project(self, weight: Tensor) -> Tensor:
        """Return weights (K, D) as weights of the coordinates, (K, n)."""
        logits = torch.cat([values @ weight.T for _, values in self._rows()])
        weights: Tensor = torch.linalg.solve_triangular(self._factor, logits.double(), upper=False)
        return weights.T.float()

    def lift(self, weight: Tensor) -> Tensor:
        """Return weights of the coordinates (K, n) as weights of the rows, (K, D)."""
        shares = torch.linalg.solve_triangular(self._factor.T, weight.double().T, upper=True).float()
        lifted: Tensor = sum(shares[where].T @ values for where, values in self._rows())
        return lifted


def span_rows(chunks: Chunks, count: int) -> RowSpace | None:
    """Return the space that rows span; None if their inner products cannot be factored, as with rows of zeros.

    Args:
        chunks: Returns the rows in chunks, as (which rows, values), in order; it is called for each chunk.
        count: n.
    """
    products = torch.empty(count, count, dtype=torch.float64)
    for below, rows in chunks():
        for beside, columns in chunks():
            if beside.start > below.start:  # the factor comes from the lower triangle
                break
            products[below, beside] = (rows @ columns.T).double()
    lengths = products.diagonal().clone()
    for jitter in _JITTERS:
        products.diagonal().copy_(lengths + jitter * lengths.mean())
        factor, failed = torch.linalg.cholesky_ex(products)
        if not int(failed):
            return RowSpace(factor.float(), factor, chunks)
    return None
