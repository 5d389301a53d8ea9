"""Where the time of a pass over photos goes: computing, decoding, or waiting for files."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["PassClock"]

logger = logging.getLogger(__name__)

FEW = 500
"""Shorter passes are not worth a line."""


class PassClock:
    """Adds up the time of all worker threads.

    Decoding is what the processor does while a photo is loaded; the rest of that time is waiting.

    Args:
        threads: Number of worker threads.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._computing = self._decoding = self._waiting = 0.0
        self._started = time.monotonic()

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Time the loading of photos, in the thread that loads them."""
        wall, cpu = time.monotonic(), time.thread_time()
        yield
        cpu = time.thread_time() - cpu
        with self._lock:
            self._decoding += cpu
            self._waiting += max(0.0, time.monotonic() - wall - cpu)

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Time the network, in the thread that waits for it."""
        wall = time.monotonic()
        yield
        with self._lock:
            self._computing += time.monotonic() - wall

    def report(self, photos: int, description: str, runner: str) -> None:
        """Log at `info` how fast a pass over so many photos was and what limits it, if they are not few."""
        if photos >= FEW:
            logger.info("  %s", self.line(photos, description, runner))

    def line(self, photos: int, description: str, runner: str) -> str:
        """Return photos per second, the shares of the threads' time, the largest first, and what computed."""
        seconds = max(1e-9, time.monotonic() - self._started)
        parts = {
            "computing": self._computing,
            "decoding": self._decoding,
            "waiting for files or for a core": self._waiting,
        }
        total = max(1e-9, sum(parts.values()))
        shares = sorted(((spent / total, name) for name, spent in parts.items()), reverse=True)
        threads = f"{self._threads} thread{'s' if self._threads > 1 else ''}"
        return (
            f"{description}: {photos:,} photos, {photos / seconds:,.0f} a second on {threads} "
            f"({', '.join(f'{share:.0%} {name}' for share, name in shares)}) by {runner}"
        )
