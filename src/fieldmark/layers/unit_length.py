"""Scale descriptors to unit length, with a switch that treats the scale factors as constants.

A descriptor of unit length does not change when all features grow, so its gradient times the features adds up to zero.
With its factors held constant, it is a linear function of what was pooled, and contributions of places add up to it
(Euler's theorem on homogeneous functions).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["constant_factors", "factors_are_constant", "unit_length", "with_factors"]

_CONSTANT = ContextVar("constant_factors", default=False)


@contextmanager
def constant_factors() -> Iterator[None]:
    """Treat the factors of every normalisation inside the block as constants: only gradients change."""
    token = _CONSTANT.set(True)
    try:
        yield
    finally:
        _CONSTANT.reset(token)


def factors_are_constant() -> bool:
    """Return whether the code runs inside `constant_factors`."""
    return _CONSTANT.get()


def unit_length(x: Tensor, dim: int = 1, eps: float = 1e-5) -> Tensor:
    """Divide by the Euclidean norm along `dim`; zeros stay zeros."""
    return with_factors(x, F.normalize(x, dim=dim, eps=eps))


def with_factors(values: Tensor, normalized: Tensor) -> Tensor:
    """Return `normalized`; inside `constant_factors`, as the product of `values` and constants."""
    if not factors_are_constant():
        return normalized
    factors = torch.where(values == 0, 0.0, normalized / torch.where(values == 0, 1.0, values))
    return values * factors.detach()
