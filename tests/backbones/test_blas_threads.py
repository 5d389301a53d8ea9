"""The limit on NumPy's threads: active while a block holds it, and removed afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from fieldmark.backbones import blas_threads
from fieldmark.backbones.blas_threads import single_threaded_blas
from fieldmark.backbones.runners.batches import in_batches


def _threads() -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Servers and half-read answers of other tests in this process may still hold the limit.
    monkeypatch.setattr(blas_threads, "_holders", blas_threads._Holders())
    with single_threaded_blas():  # finds every loaded library
        pass
    with threadpool_limits(2, user_api="blas"):
        if _threads() != {2}:
            pytest.skip("this machine's linear algebra cannot be told how many threads to use")
        yield


def test_one_thread_inside_the_block_and_the_old_limit_afterwards() -> None:
    with single_threaded_blas():
        assert 1 in _threads()
    assert _threads() == {2}


def test_blocks_that_overlap_end_in_any_order() -> None:
    first, second = single_threaded_blas(), single_threaded_blas()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert 1 in _threads()
    second.__exit__(None, None, None)
    assert _threads() == {2}


def test_workers_compute_on_one_thread_each() -> None:
    seen = in_batches(range(8), lambda _: _threads(), batch_size=1, threads=2)
    assert 1 in next(seen)
    assert 1 in _threads()
    seen.close()  # type: ignore[attr-defined]
    assert _threads() == {2}


def test_many_threads_at_once() -> None:
    def hold() -> None:
        for _ in range(50):
            with single_threaded_blas():
                pass

    holding = [threading.Thread(target=hold) for _ in range(8)]
    for thread in holding:
        thread.start()
    for thread in holding:
        thread.join()
    assert _threads() == {2}
