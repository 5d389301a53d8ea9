"""Run ONNX graphs over many photos: every core decodes and computes, one batch after the other."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fieldmark.errors import PhotoError

__all__ = ["OnnxRunner", "available_cpus", "batch_size_for", "in_batches", "load_good"]

T = TypeVar("T")
L = TypeVar("L")
R = TypeVar("R")


class OnnxRunner:
    """An ONNX Runtime session that computes on one core, to be called from as many threads as there are cores.

    With a batch a thread no core waits for another: decoding overlaps with compute by itself, and the loss of
    splitting one small convolution over cores is saved.

    Args:
        graph: An ONNX file or its content; see `export_graph`.
    """

    def __init__(self, graph: bytes | Path) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [name for name in wanted if name in ort.get_available_providers()]
        source = graph if isinstance(graph, bytes) else str(graph)
        self._session = ort.InferenceSession(source, options, providers=providers)
        self.outputs: tuple[str, ...] = tuple(output.name for output in self._session.get_outputs())

    def run(self, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """uint8 (B, S, S, 3) to name -> (B, ...)."""
        return self.run_inputs({"images": images})

    def run_inputs(self, feeds: Mapping[str, NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        """Input's name -> uint8 (B, S, S, 3), each with a side of its own, to output's name -> (B, ...)."""
        return dict(zip(self.outputs, self._session.run(None, dict(feeds)), strict=True))

    @property
    def metadata(self) -> dict[str, str]:
        """The texts that the file carries besides the graph."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run_views(self, images: NDArray[np.uint8], views: int) -> dict[str, NDArray[np.float32]]:
        """uint8 (B, S, S, 3) to name -> (B, 1 or 2, ...): where the number of views is even, the mirror image too."""
        looks = [images, images[:, :, ::-1]] if views % 2 == 0 else [images]
        return self.run_stack(np.stack(looks, axis=1))

    def run_stack(self, stack: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """uint8 (B, V, S, S, 3) to name -> (B, V, ...), one view after the other, so that memory stays that of one."""
        results = [self.run(np.ascontiguousarray(stack[:, view])) for view in range(stack.shape[1])]
        return {name: np.stack([result[name] for result in results], axis=1) for name in self.outputs}


def in_batches(
    items: Sequence[T], work: Callable[[Sequence[T]], R], *, batch_size: int = 4, threads: int | None = None
) -> Iterator[R]:
    """Results of `work` on batches of the items, in their order; at most a few are held in memory at a time.

    Args:
        items: What to work on.
        work: Called in worker threads.
        batch_size: Items in one call.
        threads: All cores that this process may use for None.
    """
    threads = threads or available_cpus()
    pending: deque[Future[R]] = deque()
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


def batch_size_for(image_size: int) -> int:
    """Photos in one call of a graph: 4 at 224 px, fewer at larger sizes.

    More photos at once do not go faster on a core, but their activations need more memory.
    """
    return max(1, round(4 * (224 / image_size) ** 2))


def load_good(items: Sequence[T], load: Callable[[T], L]) -> tuple[list[T], list[L], list[tuple[T, str]]]:
    """Load what can be loaded: the good items, what `load` gave for them, and the others with the reason."""
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


def available_cpus() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
