"""One thread for NumPy's linear algebra while worker threads compute."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from functools import cache
from typing import Any

__all__ = ["single_threaded_blas"]


class _Holders:
    """How many blocks hold the limit, and what takes it off again."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.limit: Any = None


_holders = _Holders()


@contextlib.contextmanager
def single_threaded_blas() -> Iterator[None]:
    """Inside, a matrix product of NumPy stays on the thread that asked for it, in the whole process.

    OpenBLAS keeps its own threads spinning for milliseconds after each product. Where every core has a worker of its
    own already, they take the cores away: answers came at half the speed. Blocks may overlap, in any order and on
    any thread; the last one to end restores what was before the first.
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
    """The libraries that are loaded by now, NumPy's among them: to look for them again takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
