"""Workers whose matrix products stay on one thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch

__all__ = ["one_thread_each"]


def one_thread_each(workers: int) -> ThreadPoolExecutor:
    """A pool for small products: threads that share one wait for each other most of the time.

    It is also what gives the same digits on a busy machine, where a library may split a sum over fewer threads.
    """
    return ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
