"""Compute in float32 where bfloat16 is not precise enough."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

__all__ = ["at_least_float32", "without_autocast"]


@contextmanager
def without_autocast(tensor: Tensor) -> Iterator[None]:
    """Switch autocast off on the device of `tensor`: operations run in the precision of their inputs."""
    with torch.autocast(tensor.device.type, enabled=False):
        yield


def at_least_float32(tensor: Tensor) -> Tensor:
    """Convert half precision to float32; leave float32 and float64 as they are."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
