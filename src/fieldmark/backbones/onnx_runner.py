"""Run an ONNX graph over many photos: every core decodes and computes, one photo after the other."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from fieldmark.errors import PhotoError

__all__ = ["Batch", "OnnxRunner", "available_cpus"]

T = TypeVar("T")
Loader = Callable[[T], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """A few items with what the graph gave for them.

    Attributes:
        items: Those that could be read.
        outputs: Name -> (len(items), views, ...); views are the photo itself and, where asked for, its mirror image.
        failed: Those that could not, with the reason.
    """

    items: list[T]
    outputs: dict[str, NDArray[np.float32]]
    failed: list[tuple[T, str]]


class OnnxRunner:
    """An ONNX Runtime session that is fed from as many threads as there are cores.

    Each thread decodes its photos and runs the graph on one core. No core waits for another: decoding overlaps with
    compute by itself, and the loss of splitting one small convolution over cores is saved.

    Args:
        graph: An ONNX file or its content; see `export_graph`.
        threads: How many; all cores that this process may use for None.
    """

    def __init__(self, graph: bytes | Path, threads: int | None = None) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        source = graph if isinstance(graph, bytes) else str(graph)
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [name for name in wanted if name in ort.get_available_providers()]
        self._session = ort.InferenceSession(source, options, providers=providers)
        self.outputs: tuple[str, ...] = tuple(output.name for output in self._session.get_outputs())
        self.threads = threads or available_cpus()

    def run(self, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """uint8 (B, S, S, 3) -> name -> (B, ...)."""
        values = self._session.run(None, {"images": images})
        return dict(zip(self.outputs, values, strict=True))

    def stream(
        self, items: Sequence[T], load: Loader[T], *, mirror: bool = False, batch_size: int = 8
    ) -> Iterator[Batch[T]]:
        """Batches in the order of the items; at most a few are held in memory at a time.

        Args:
            items: Anything that `load` turns into a uint8 array (S, S, 3); it may raise PhotoError.
            load: Called in the worker threads.
            mirror: Also run the mirror image of every photo, without decoding it again.
            batch_size: Photos in one call of the graph.
        """

        def work(chunk: Sequence[T]) -> Batch[T]:
            return self._load_and_run(chunk, load, mirror)

        chunks = (items[start : start + batch_size] for start in range(0, len(items), batch_size))
        pending: deque[Future[Batch[T]]] = deque()
        pool = ThreadPoolExecutor(self.threads, thread_name_prefix="fieldmark-onnx")
        try:
            for chunk in chunks:
                pending.append(pool.submit(work, chunk))
                if len(pending) > 2 * self.threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _load_and_run(self, chunk: Sequence[T], load: Loader[T], mirror: bool) -> Batch[T]:
        arrays: list[NDArray[np.uint8]] = []
        good: list[T] = []
        failed: list[tuple[T, str]] = []
        for item in chunk:
            try:
                arrays.append(load(item))
                good.append(item)
            except PhotoError as error:
                failed.append((item, str(error)))
        if not good:
            return Batch(good, {}, failed)
        views = [np.stack(arrays)]
        if mirror:
            views.append(np.ascontiguousarray(views[0][:, :, ::-1]))
        results = [self.run(view) for view in views]
        outputs = {name: np.stack([result[name] for result in results], axis=1) for name in self.outputs}
        return Batch(good, outputs, failed)


def available_cpus() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
