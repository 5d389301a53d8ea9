"""Waiting items are processed in batches, and every item gets a result."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future

import pytest

from fieldmark.serve.micro_batches import Closed, Full, Lost, MicroBatcher


def _batcher(work: object, *, size: int = 4, wait: float = 0.05, threads: int = 1, waiting: int = 100) -> MicroBatcher:
    return MicroBatcher(work, batch_size=size, max_wait=wait, threads=threads, max_waiting=waiting)  # type: ignore[arg-type]


def _results(futures: Sequence[Future[int]]) -> list[int]:
    return [future.result(10) for future in futures]


def test_each_item_gets_its_own_result() -> None:
    batcher = _batcher(lambda items: [item * 10 for item in items], threads=3)
    asked = [batcher.submit(range(start, start + 7)) for start in range(0, 70, 7)]
    assert [_results(futures) for futures in asked] == [
        [10 * item for item in range(start, start + 7)] for start in range(0, 70, 7)
    ]
    batcher.close()


def test_waiting_items_are_batched_up_to_the_batch_size() -> None:
    sizes: list[int] = []
    gate = threading.Event()

    def work(items: Sequence[int]) -> list[int]:
        gate.wait(10)
        sizes.append(len(items))
        return list(items)

    batcher = _batcher(work, size=4, wait=0.0)
    first = batcher.submit([0])
    while batcher.waiting:
        pass
    rest = [batcher.submit([item]) for item in range(1, 11)]
    gate.set()
    assert _results([*first, *(future for each in rest for future in each)]) == list(range(11))
    assert sizes == [1, 4, 4, 2]
    batcher.close()


def test_a_bad_item_fails_alone_and_a_failing_batch_fails_for_its_items() -> None:
    def work(items: Sequence[int]) -> list[int | Exception]:
        if 13 in items:
            raise RuntimeError("all of it")
        return [ValueError(str(item)) if item < 0 else item for item in items]

    batcher = _batcher(work)
    good, bad = batcher.submit([1, -1])
    assert good.result(10) == 1
    with pytest.raises(ValueError, match="-1"):
        bad.result(10)
    with pytest.raises(RuntimeError, match="all of it"):
        batcher.submit([13])[0].result(10)
    assert batcher.submit([2])[0].result(10) == 2
    batcher.close()


def test_too_many_items_are_all_refused() -> None:
    gate = threading.Event()

    def work(items: Sequence[int]) -> list[int]:
        gate.wait(10)
        return list(items)

    batcher = _batcher(work, size=1, waiting=3)
    first = batcher.submit([0])
    while batcher.waiting:
        pass
    held = batcher.submit([1, 2])
    with pytest.raises(Full):
        batcher.submit([3, 4])
    assert batcher.waiting == 2
    gate.set()
    assert _results([*first, *held]) == [0, 1, 2]
    batcher.close()


def test_closing_finishes_accepted_items() -> None:
    batcher = _batcher(lambda items: list(items), size=3, threads=2)
    futures = batcher.submit(range(50))
    batcher.close()
    assert all(future.done() for future in futures)
    assert _results(futures) == list(range(50))
    with pytest.raises(Closed):
        batcher.submit([1])


def test_a_worker_survives_cut_off_requests_and_wrong_work() -> None:
    gate = threading.Event()

    def work(items: Sequence[int]) -> list[int]:
        gate.wait(10)
        if -1 in items:
            raise SystemExit("a library ends the thread")
        return list(items) * (2 if -2 in items else 1)

    batcher = _batcher(work, size=2, wait=0.0)
    first = batcher.submit([0])
    while batcher.waiting:
        pass
    cut_off, kept = batcher.submit([1, 2])
    assert cut_off.cancel()
    gate.set()
    assert _results([*first, kept]) == [0, 2]
    lost, good = batcher.submit([-1, 4])
    with pytest.raises(Lost):
        lost.result(10)
    assert good.result(10) == 4
    with pytest.raises(RuntimeError, match="2 results for 1 photos"):
        batcher.submit([-2])[0].result(10)
    assert _results(batcher.submit([3])) == [3]
    batcher.close()


def test_workers_that_end_again_and_again_lose_no_item() -> None:
    """Work ends its thread or has no memory for every third item; each item gets its own result or `Lost`."""
    ends: tuple[type[BaseException], ...] = (SystemExit, MemoryError, KeyboardInterrupt)

    def work(items: Sequence[int]) -> list[int]:
        for item in items:
            if item % 3 == 0:
                raise ends[item % 9 // 3]
        return [item * 10 for item in items]

    batcher = _batcher(work, size=4, wait=0.001, threads=2, waiting=10_000)
    futures = batcher.submit(range(1000))
    lost = {item for item, future in enumerate(futures) if isinstance(future.exception(30), Lost)}
    assert lost == set(range(0, 1000, 3))
    assert all(future.result(0) == 10 * item for item, future in enumerate(futures) if item not in lost)
    batcher.close()
