"""Where the digits of bfloat16 do not suffice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

__all__ = ["at_least_float32", "without_autocast"]


@contextmanager
def without_autocast(tensor: Tensor) -> Iterator[None]:
    """Compute in the tensors' own precision on this tensor's device, whatever surrounds it."""
    with torch.autocast(tensor.device.type, enabled=False):
        yield


def at_least_float32(tensor: Tensor) -> Tensor:
    """Half precision becomes single; single and double stay."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
