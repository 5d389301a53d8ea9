"""Compute photos of concurrent requests in one batch."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

__all__ = ["Closed", "Full", "Lost", "MicroBatcher"]

logger = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")


class Full(Exception):
    """The queue is full."""


class Closed(Exception):
    """The batcher is closed and takes no more items."""


class Lost(Exception):
    """The worker ended before it had a result."""


class MicroBatcher(Generic[T, R]):
    """Worker threads that process waiting items in batches.

    Args:
        work: Maps a batch to one result for each item, in order. An exception as a result is raised for that item only.
            If it fails for a batch, its items are processed one by one. If a worker ends or has no memory left, its
            items fail with `Lost`, and the worker starts again.
        batch_size: Maximum number of items in a batch.
        max_wait: Seconds that the first item of a batch waits for others.
        threads: Number of workers.
        max_waiting: Maximum number of waiting items.

    Attributes:
        accepted: Number of items queued since the start.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Sequence[R | Exception]],
        *,
        batch_size: int,
        max_wait: float,
        threads: int,
        max_waiting: int,
    ) -> None:
        self._work = work
        self._batch_size, self._max_wait, self._max_waiting = batch_size, max_wait, max_waiting
        self._queue: queue.SimpleQueue[tuple[T, Future[R]] | None] = queue.SimpleQueue()
        self._accepts = True
        self.accepted = 0
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, name=f"fieldmark-batches-{index}", daemon=True)
            for index in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Number of items that no worker has taken yet."""
        return self._queue.qsize()

    def submit(self, items: Sequence[T]) -> list[Future[R]]:
        """Queue all items or none.

        Raises:
            Full: Too many items are waiting.
            Closed: `close` was called.
        """
        with self._lock:
            if not self._accepts:
                raise Closed
            if self.waiting + len(items) > self._max_waiting:
                raise Full
            futures: list[Future[R]] = [Future() for _ in items]
            self.accepted += len(items)
            for item, future in zip(items, futures, strict=True):
                self._queue.put((item, future))
            return futures

    def close(self) -> None:
        """Accept no more items, finish the accepted ones, and stop the workers."""
        with self._lock:
            self._accepts = False
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            taken: list[tuple[T, Future[R]]] = []
            try:
                goes_on = self._process(taken)
            except BaseException as error:  # every accepted item gets an answer, whatever ends a worker
                logger.error(f"a worker starts again after {type(error).__name__}")
            finally:
                for _, future in taken:
                    if not future.done():
                        future.set_exception(Lost())

    def _process(self, taken: list[tuple[T, Future[R]]]) -> bool:
        """Process one batch, and return whether another may follow."""
        first = self._queue.get()
        if first is None:
            return False
        taken.append(first)
        self._join(taken)
        # A request that was cut off cancels its futures; a result for one of them would be an error here.
        batch = [(item, future) for item, future in taken if future.set_running_or_notify_cancel()]
        for (_, future), result in zip(batch, self._results([item for item, _ in batch]), strict=True):
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)
        return True

    def _results(self, items: Sequence[T]) -> Sequence[R | BaseException]:
        if not items:
            return []
        try:
            results = self._work(items)
        except BaseException as error:
            if len(items) > 1:
                return [result for item in items for result in self._results([item])]
            ended = isinstance(error, MemoryError) or not isinstance(error, Exception)
            return [Lost() if ended else error]
        if len(results) != len(items):
            return [RuntimeError(f"{len(results)} results for {len(items)} photos")] * len(items)
        return results

    def _join(self, taken: list[tuple[T, Future[R]]]) -> None:
        """Add the items that arrive before the batch is full or the wait is over."""
        deadline = time.monotonic() + self._max_wait
        while len(taken) < self._batch_size:
            try:
                entry = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if entry is None:  # the next call handles the end
                self._queue.put(None)
                break
            taken.append(entry)
