"""Limit NumPy's linear algebra to one thread while worker threads compute."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

__all__ = ["single_threaded_blas"]


class _Holders:
    """Number of blocks that hold the limit, and the handle that removes it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.limit: Any = None


_holders = _Holders()


@contextlib.contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Keep each matrix product of NumPy on its calling thread, in the whole process.

    OpenBLAS keeps its threads spinning for milliseconds after each product. If every core already has a worker, they
    take its time: prediction ran at half the speed. Blocks may overlap in any order and on any thread. The last one
    to end restores the old limits.
    """
    with _holders.lock:
        if not _holders.count:
            _holders.limit = _libraries().limit(limits=1, user_api="blas")
        _holders.count += 1
    try:
        yield
    finally:
        with _holders.lock:
            _holders.count -= 1
            if not _holders.count:
                _holders.limit.restore_original_limits()
                _holders.limit = None


@cache
def _libraries() -> Any:
    """Return the loaded BLAS libraries; cached because a search takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
