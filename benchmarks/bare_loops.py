"""Loops that a person could write around a network: ONNX Runtime, OpenVINO, and plain timm in PyTorch."""

from __future__ import annotations

import statistics
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import timm
import torch
from numpy.typing import NDArray
from PIL import Image

from fieldmark.backbones.runners.openvino_runner import has_openvino, openvino_core
from fieldmark.cores import available_cpus

__all__ = ["BareLoop", "bare_decoding", "fastest_loops", "plain_timm", "print_ratios", "with_decoding"]


class BareLoop(ABC):
    """A graph, and tensors (n, V, S, S, 3) in memory.

    Attributes:
        engine: The runtime.
        way: How it is called.
    """

    engine: str
    way: str

    @abstractmethod
    def seconds(self, stacks: NDArray[np.uint8]) -> float:
        """Return how long the graph takes for the tensors."""


class OnnxRuntimeLoop(BareLoop):
    """One session.

    Args:
        graph: The content of the file.
        threads: That ONNX Runtime has for one call; as many calls at once as fill the cores.
        batch: Images in a call.
    """

    engine = "ONNX Runtime"

    def __init__(self, graph: bytes, threads: int, batch: int) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.batch, self.callers = batch, max(1, available_cpus() // threads)
        self.way = f"{self.callers} caller(s) of {threads} thread(s), batches of {batch}"

    def seconds(self, stacks: NDArray[np.uint8]) -> float:
        def call(start: int) -> None:
            for view in range(stacks.shape[1]):
                images = np.ascontiguousarray(stacks[start : start + self.batch, view])
                self.session.run(None, {"images": images})

        started = time.perf_counter()
        with ThreadPoolExecutor(self.callers) as pool:
            for _ in pool.map(call, range(0, len(stacks), self.batch)):
                pass
        return time.perf_counter() - started


class OpenVinoLoop(BareLoop):
    """A compiled graph and OpenVINO's own queue, one image in a call, in float32.

    Args:
        graph: The content of the file.
        hint: ``LATENCY`` or ``THROUGHPUT``.
    """

    engine = "OpenVINO"

    def __init__(self, graph: bytes, hint: str) -> None:
        core = openvino_core()  # before OpenVINO itself, since it leaves the telemetry out
        from openvino import AsyncInferQueue

        model = core.read_model(graph)
        model.reshape([1, *list(model.inputs[0].partial_shape)[1:]])
        settings = {
            "PERFORMANCE_HINT": hint,
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": available_cpus(),
        }
        self.compiled = core.compile_model(model, "CPU", settings)
        self.queue: Any = AsyncInferQueue(self.compiled)
        self.way = f"{hint.lower()} hint, {len(self.queue)} request(s)"

    def seconds(self, stacks: NDArray[np.uint8]) -> float:
        started = time.perf_counter()
        for image in stacks.reshape(-1, 1, *stacks.shape[2:]):
            self.queue.start_async([image])
        self.queue.wait_all()
        return time.perf_counter() - started


def fastest_loops(graph: bytes, stacks: NDArray[np.uint8], limit: int = 48, kept: int = 2) -> list[BareLoop]:
    """Return the fastest ways to call each runtime, each of them timed three times on the first photos."""
    sizes, counts = (1, 2, 4, 8, 16, 32), sorted({1, available_cpus()})
    loops: list[BareLoop] = [OnnxRuntimeLoop(graph, threads, batch) for threads in counts for batch in sizes]
    if has_openvino():
        loops += [OpenVinoLoop(graph, hint) for hint in ("LATENCY", "THROUGHPUT")]
    for loop in loops:
        loop.seconds(stacks[:4])
    times = np.min([[loop.seconds(stacks[:limit]) for loop in loops] for _ in range(3)], axis=0)
    chosen = []
    for engine in dict.fromkeys(loop.engine for loop in loops):
        order = [index for index in np.argsort(times) if loops[index].engine == engine]
        chosen += [loops[index] for index in order[:kept]]
    return chosen


def plain_timm(members: Sequence[tuple[str, int, int]], classes: int, photos: Sequence[Path]) -> float:
    """Photos a second of the script that a tutorial would show, for members (name, side, views).

    It opens each photo with Pillow, prepares it with timm's transform, and runs timm's models in eager mode in batches
    of 16. Their weights are random, which does not change their speed.
    """
    models, transforms = [], []
    for name, side, _ in members:
        model = timm.create_model(name, pretrained=False, num_classes=classes).eval()
        config = timm.data.resolve_model_data_config(model, {"input_size": (3, side, side)})
        models.append(model)
        transforms.append(timm.data.create_transform(**config))
    started = time.perf_counter()
    with torch.inference_mode():
        for start in range(0, len(photos), 16):
            said = []
            opened = [Image.open(path).convert("RGB") for path in photos[start : start + 16]]
            for model, transform, (_, _, views) in zip(models, transforms, members, strict=True):
                images = torch.stack([transform(photo) for photo in opened])
                said += [model(look) for look in [images, images.flip(3)][:views]]
            torch.stack(said).mean(0).softmax(1).topk(min(5, classes))
    return len(photos) / (time.perf_counter() - started)


def bare_decoding(photos: Sequence[Path], side: int) -> float:
    """Photos a second of Pillow alone on all cores: open, decode at a scale that suffices, crop the square, resize."""

    def load(path: Path) -> None:
        with Image.open(path) as opened:
            opened.draft("RGB", (side, side))
            photo = opened.convert("RGB")
        width, height = photo.size
        left, top, least = (width - min(width, height)) / 2, (height - min(width, height)) / 2, min(width, height)
        np.asarray(photo.resize((side, side), Image.Resampling.BICUBIC, (left, top, left + least, top + least)))

    started = time.perf_counter()
    with ThreadPoolExecutor(available_cpus()) as pool:
        for _ in pool.map(load, photos):
            pass
    return len(photos) / (time.perf_counter() - started)


def with_decoding(bare: float, decoding: float) -> float:
    """Photos a second of the same cores when they decode as well: the bound for everything that starts from files."""
    return 1.0 / (1.0 / bare + 1.0 / decoding)


def print_ratios(name: str, ratios: Sequence[tuple[float, float, float]]) -> None:
    """Print the medians of the ratios to the best bare loop, to it with decoding, and to plain timm, and each round."""
    titles = "best bare loop", "best bare loop and bare decoding on the same cores", "plain timm"
    for title, values in zip(titles, zip(*ratios, strict=True), strict=True):
        each = ", ".join(f"{value:.2f}" for value in values)
        print(f"{name} / {title}: {statistics.median(values):.2f} (of {each})")
