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

from fieldmark.backbones.blas_threads import single_threaded_blas
from fieldmark.data.photos.views import with_mirrored
from fieldmark.errors import PhotoError

__all__ = ["OnnxRunner", "available_cpus", "batch_size_for", "in_batches", "load_good"]

_ON_GPU = 32
"""Images in one call of a graph there."""

T = TypeVar("T")
L = TypeVar("L")
R = TypeVar("R")


class OnnxRunner:
    """An ONNX Runtime session that computes on one core, to be called from as many threads as there are cores.

    With a batch a thread no core waits for another: decoding overlaps with compute by itself, and the loss of
    splitting one small convolution over cores is saved. On a CPU the images of a batch go through the graph one by
    one: their activations then stay in a core's cache, which is up to a fifth faster, and an image's outputs do not
    depend on its neighbours.

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
        self._at_once = _ON_GPU if self._session.get_providers()[0] == wanted[0] else 1
        self.outputs: tuple[str, ...] = tuple(output.name for output in self._session.get_outputs())

    def run(self, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """uint8 (B, S, S, 3) to name -> (B, ...)."""
        return self.run_inputs({"images": images})

    def run_inputs(self, feeds: Mapping[str, NDArray[np.uint8]]) -> dict[str, NDArray[np.float32]]:
        """Input's name -> uint8 (B, S, S, 3), each with a side of its own, to output's name -> (B, ...)."""
        count = len(next(iter(feeds.values())))
        parts = [
            self._session.run(None, {name: images[start : start + self._at_once] for name, images in feeds.items()})
            for start in range(0, max(1, count), self._at_once)
        ]
        joined = parts[0] if len(parts) == 1 else [np.concatenate(some) for some in zip(*parts, strict=True)]
        return dict(zip(self.outputs, joined, strict=True))

    @property
    def metadata(self) -> dict[str, str]:
        """The texts that the file carries besides the graph."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    def run_views(self, images: NDArray[np.uint8], views: int) -> dict[str, NDArray[np.float32]]:
        """uint8 (B, S, S, 3) to name -> (B, 1 or 2, ...): where the number of views is even, the mirror image too."""
        looks = 2 - views % 2
        stack = with_mirrored(images) if looks == 2 else images
        return self.run_stack(stack.reshape(len(images), looks, *images.shape[1:]))

    def run_stack(self, stack: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """uint8 (B, V, S, S, 3) to name -> (B, V, ...)."""
        found = self.run(stack.reshape(-1, *stack.shape[2:]))
        return {name: values.reshape(*stack.shape[:2], *values.shape[1:]) for name, values in found.items()}


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
