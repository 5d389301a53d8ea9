"""A hash of everything that determines what a module computes."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from fieldmark.data.photos.preprocess import Preprocess

if TYPE_CHECKING:
    from torch import nn

__all__ = ["module_key"]

_VERSION = 3
"""Increase it when the same module, weights and photos give other numbers, so that old rows are not used."""


def module_key(module: nn.Module, preprocess: Preprocess, names: Sequence[str], *, varies: Collection[str] = ()) -> str:
    """Return a hash of everything that determines a descriptor: structure, weights, preprocessing, names.

    Args:
        module: The module.
        preprocess: Preprocessing of its images.
        names: What it returns.
        varies: Names of tensors of which only the shapes count.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(repr((_VERSION, preprocess, list(names), str(module))).encode())
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        if name in varies:
            digest.update(repr((tuple(tensor.shape), tensor.dtype)).encode())
        else:
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
