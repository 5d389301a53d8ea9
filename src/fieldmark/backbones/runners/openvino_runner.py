"""Run ONNX graphs with OpenVINO on a CPU, in float32."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from fieldmark.arrays import Float32s, Pixels
from fieldmark.backbones.runners.batches import batch_size_for
from fieldmark.backbones.runners.runner import Runner, failed_on_a_photo
from fieldmark.errors import SettingError

__all__ = ["OpenVinoRunner", "has_openvino", "openvino_core"]

_TELEMETRY = "openvino_telemetry"

_WAITING = 4
"""Images for each stream that are computed or wait for it."""


class OpenVinoRunner(Runner):
    """A graph that OpenVINO compiled for single images; as many of them are computed at once as it has streams.

    A call hands over all its images and then waits, so that the streams have work while other callers decode. Images
    from files that were handed over one by one took a fifth longer on two cores.

    The precision is float32 on every CPU, so that the outputs are those of ONNX Runtime but for rounding. Without that
    hint OpenVINO computes in bfloat16 where the CPU can.

    Args:
        graph: An ONNX file or its content; see `export_graph`.
        callers: Images that are computed at the same time; further ones wait.
        threads: Threads that one image is computed on.

    Raises:
        ValueError: OpenVINO cannot open the graph.
        SettingError: OpenVINO is not installed.
    """

    def __init__(self, graph: bytes | Path, *, callers: int = 1, threads: int = 1) -> None:
        import onnx

        core = openvino_core()
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "NUM_STREAMS": callers,
            "INFERENCE_NUM_THREADS": callers * threads,
            "ENABLE_CPU_PINNING": False,  # processes side by side would pin their threads to the same cores
        }
        try:
            content = graph if isinstance(graph, bytes) else graph.read_bytes()
            model = core.read_model(content)
            model.reshape({each.any_name: [1, *list(each.partial_shape)[1:]] for each in model.inputs})
            compiled = core.compile_model(model, "CPU", settings)
            self.outputs = tuple(each.name for each in onnx.load_model_from_string(content).graph.output)
            # One tensor may have several names: that of the output, and those of operators that only pass it on.
            self._ports = [next(port for port in compiled.outputs if name in port.names) for name in self.outputs]
        except Exception as error:  # OpenVINO raises RuntimeError and others
            raise ValueError("OpenVINO cannot open it") from error
        self._idle: SimpleQueue[Any] = SimpleQueue()
        for _ in range(_WAITING * callers):
            self._idle.put(compiled.create_infer_request())

    @property
    def description(self) -> str:
        return "OpenVINO"

    def run_inputs(self, feeds: Mapping[str, Pixels]) -> dict[str, Float32s]:
        count = len(next(iter(feeds.values())))
        if not count:  # the graph is compiled for one image; its outputs for a black one have the sizes
            black = {name: np.zeros((1, *images.shape[1:]), np.uint8) for name, images in feeds.items()}
            return {name: values[:0] for name, values in self.run_inputs(black).items()}
        requests = self._take(count)
        parts: list[list[Float32s]] = []
        try:
            for index in range(count):
                request = requests[index % len(requests)]
                if index >= len(requests):
                    parts.append(self._outputs_of(request))
                request.start_async({name: images[index : index + 1] for name, images in feeds.items()})
            parts += [self._outputs_of(requests[index % len(requests)]) for index in range(len(parts), count)]
        except Exception as error:  # OpenVINO raises RuntimeError and others
            raise failed_on_a_photo(error) from error
        finally:
            for request in requests:
                with suppress(Exception):  # of an image after the one that failed
                    request.wait()
                self._idle.put(request)
        joined = parts[0] if count == 1 else [np.concatenate(some) for some in zip(*parts, strict=True)]
        return dict(zip(self.outputs, joined, strict=True))

    def batch_size(self, image_size: int) -> int:
        return batch_size_for(image_size)

    def _take(self, count: int) -> list[Any]:
        """Return at most so many requests, at least one. A caller that holds some never waits for another."""
        taken = [self._idle.get()]
        with suppress(Empty):
            while len(taken) < count:
                taken.append(self._idle.get_nowait())
        return taken

    def _outputs_of(self, request: Any) -> list[Float32s]:
        """Wait for a request, and return its outputs in their order."""
        request.wait()
        return [np.array(request.get_tensor(port).data) for port in self._ports]


def has_openvino() -> bool:
    """Return whether OpenVINO is installed; it is not imported."""
    return importlib.util.find_spec("openvino") is not None


@cache
def openvino_core() -> Any:
    """Return OpenVINO's core, imported without its telemetry, which reports each import to a server by default.

    OpenVINO works without that package: where it cannot be imported, calls of it do nothing.

    Raises:
        SettingError: OpenVINO is not installed.
    """
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == _TELEMETRY}
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # an import of it fails
    try:
        import openvino
    except ImportError as error:
        raise SettingError(
            f"FIELDMARK_RUNNER=openvino needs the `openvino` extra ({error.name}): pip install 'fieldmark[openvino]'"
        ) from None
    finally:
        del sys.modules[_TELEMETRY]
        sys.modules.update(before)
    return openvino.Core()
