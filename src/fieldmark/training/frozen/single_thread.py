"""Worker threads that each compute matrix products on one thread."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch

__all__ = ["one_thread_each"]


def one_thread_each(workers: int) -> ThreadPoolExecutor:
    """Return a thread pool for small matrix products: several threads on one product mostly wait for each other.

    It also gives the same digits on a busy machine, where a library may split a sum over fewer threads.
    """
    return ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,))
