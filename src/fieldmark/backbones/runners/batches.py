"""Work on many photos in worker threads, batch by batch and in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from fieldmark.backbones.blas_threads import single_threaded_blas
from fieldmark.backbones.runners.pass_clock import PassClock
from fieldmark.cores import available_cpus
from fieldmark.errors import PhotoError

__all__ = ["batch_size_for", "in_batches", "load_good"]

T = TypeVar("T")
L = TypeVar("L")
R = TypeVar("R")


def in_batches(
    items: Sequence[T], work: Callable[[Sequence[T]], R], *, batch_size: int = 4, threads: int | None = None
) -> Iterator[R]:
    """Yield the results of `work` on batches of the items, in their order; only a few are in memory at a time.

    Args:
        items: What to work on.
        work: Called in worker threads.
        batch_size: Items in one call.
        threads: Number of workers; None uses every core that this process may use.
    """
    threads = threads or available_cpus()
    pending: deque[Future[R]] = deque()
    with single_threaded_blas():
        pool = ThreadPoolExecutor(threads, thread_name_prefix="fieldmark")
        try:
            for start in range(0, len(items), batch_size):
                pending.append(pool.submit(work, items[start : start + batch_size]))
                if len(pending) > 2 * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def load_good(
    items: Sequence[T], load: Callable[[T], L], clock: PassClock | None = None
) -> tuple[list[T], list[L], list[tuple[T, str]]]:
    """Load what can be loaded: the good items, what `load` returned for them, and the bad items with the reason."""
    if clock is not None:
        with clock.loading():
            return load_good(items, load)
    good: list[T] = []
    loaded: list[L] = []
    failed: list[tuple[T, str]] = []
    for item in items:
        try:
            loaded.append(load(item))
            good.append(item)
        except PhotoError as error:
            failed.append((item, str(error)))
    return good, loaded, failed


def batch_size_for(image_size: int) -> int:
    """Photos in one call of a graph on a CPU: 4 at 224 px, fewer at larger sizes.

    More photos at once are not faster on a core, but their activations need more memory.
    """
    return max(1, round(4 * (224 / image_size) ** 2))
