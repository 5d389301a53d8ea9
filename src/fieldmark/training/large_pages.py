"""Large memory pages for tensors."""

from __future__ import annotations

import os

__all__ = ["use_large_pages"]


def use_large_pages() -> None:
    """Let PyTorch allocate large tensors in pages of 2 MiB, where Linux offers them.

    Allocating pages of 4 KiB takes a fifth of a training step on a CPU. PyTorch reads the variable once, before its
    first tensor, so only the start of a process can set it: the command line does, importing `fieldmark` does not.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
