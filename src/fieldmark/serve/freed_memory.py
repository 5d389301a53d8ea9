"""Give memory that is free inside the process back to the system."""

from __future__ import annotations

import ctypes
import gc
from functools import cache

__all__ = ["return_freed_memory"]


def return_freed_memory() -> bool:
    """Collect garbage and return free pages to the system; False where the C library cannot.

    A server decodes photos of all sizes in several threads and loads new models while old ones still answer. The C
    library keeps what they free for later, each thread its own part, so that memory would grow for a long time.
    """
    gc.collect()
    trim = _trim()
    return trim is not None and trim(0) >= 0


@cache
def _trim() -> ctypes._NamedFuncPointer | None:
    """glibc's ``malloc_trim``; other C libraries have none."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # Windows cannot open the process itself
        return None
