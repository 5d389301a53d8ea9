"""Run ONNX graphs with ONNX Runtime."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from threading import BoundedSemaphore

import numpy as np

from fieldmark.arrays import Float32s, Pixels
from fieldmark.backbones.runners.batches import batch_size_for
from fieldmark.backbones.runners.runner import Runner, failed_on_a_photo

__all__ = ["OnnxRunner"]

_ON_GPU = 32
"""Images in one call of a graph on a GPU."""


class OnnxRunner(Runner):
    """An ONNX Runtime session, by default with one thread for each call and as many callers as there are cores.

    With one batch for each thread no core waits for another: decoding overlaps with compute, and small convolutions
    are not split over cores. On a CPU the images of a batch go through the graph one by one. Their activations then
    stay in a core's cache, which is up to 20% faster, and an image's outputs do not depend on other images.

    Args:
        graph: An ONNX file or its content; see `export_graph`.
        callers: Calls that compute at the same time, further ones wait; None for any number.
        threads: Threads that one call computes on.

    Attributes:
        sides: Side in pixels of each input, by its name.
        on_gpu: Whether the session computes on a GPU.

    Raises:
        ValueError: ONNX Runtime cannot open the graph.
    """

    def __init__(self, graph: bytes | Path, *, callers: int | None = None, threads: int = 1) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Threads that spin for work would take the cores of those that decode.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [name for name in wanted if name in ort.get_available_providers()]
        source = graph if isinstance(graph, bytes) else str(graph)
        try:
            self._session = ort.InferenceSession(source, options, providers=providers)
        except Exception as error:  # ONNX Runtime has many error classes
            raise ValueError("ONNX Runtime cannot open it") from error
        self.on_gpu = self._session.get_providers()[0] == wanted[0]
        self._at_once = _ON_GPU if self.on_gpu else 1
        self._turn = contextlib.nullcontext() if callers is None else BoundedSemaphore(callers)
        self.outputs = tuple(output.name for output in self._session.get_outputs())
        self.sides = {each.name: each.shape[1] for each in self._session.get_inputs()}

    @property
    def description(self) -> str:
        return "ONNX Runtime"

    def run_inputs(self, feeds: Mapping[str, Pixels]) -> dict[str, Float32s]:
        count = len(next(iter(feeds.values())))
        try:
            with self._turn:
                parts = [
                    self._session.run(None, {name: each[start : start + self._at_once] for name, each in feeds.items()})
                    for start in range(0, max(1, count), self._at_once)
                ]
        except Exception as error:  # ONNX Runtime has many error classes
            raise failed_on_a_photo(error) from error
        joined = parts[0] if len(parts) == 1 else [np.concatenate(some) for some in zip(*parts, strict=True)]
        return dict(zip(self.outputs, joined, strict=True))

    def batch_size(self, image_size: int) -> int:
        return _ON_GPU if self.on_gpu else batch_size_for(image_size)

    @property
    def metadata(self) -> dict[str, str]:
        """Metadata of the file, name -> text."""
        return dict(self._session.get_modelmeta().custom_metadata_map)
