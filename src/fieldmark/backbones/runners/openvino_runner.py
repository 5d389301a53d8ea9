"""Run ONNX graphs with OpenVINO on a CPU, in float32."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

from fieldmark.arrays import Float32s, Pixels
from fieldmark.backbones.runners.batches import batch_size_for
from fieldmark.backbones.runners.runner import Runner, failed_on_a_photo
from fieldmark.errors import SettingError

__all__ = ["OpenVinoRunner", "has_openvino", "openvino_core"]

_TELEMETRY = "openvino_telemetry"


class OpenVinoRunner(Runner):
    """A graph that OpenVINO compiled for single images; as many callers compute at once as it has streams.

    The precision is float32 on every CPU, so that the outputs are those of ONNX Runtime but for rounding. Without that
    hint OpenVINO computes in bfloat16 where the CPU can.

    Args:
        graph: An ONNX file or its content; see `export_graph`.
        callers: Calls that compute at the same time; further ones wait.
        threads: Threads that one call computes on.

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
        for _ in range(callers):
            self._idle.put(compiled.create_infer_request())

    @property
    def description(self) -> str:
        return "OpenVINO"

    def run_inputs(self, feeds: Mapping[str, Pixels]) -> dict[str, Float32s]:
        count = len(next(iter(feeds.values())))
        if not count:  # the graph is compiled for one image; its outputs for a black one have the sizes
            black = {name: np.zeros((1, *images.shape[1:]), np.uint8) for name, images in feeds.items()}
            return {name: values[:0] for name, values in self.run_inputs(black).items()}
        request = self._idle.get()
        try:
            parts = []
            for index in range(count):
                found = request.infer({name: images[index : index + 1] for name, images in feeds.items()})
                parts.append([found[port] for port in self._ports])
        except Exception as error:  # OpenVINO raises RuntimeError and others
            raise failed_on_a_photo(error) from error
        finally:
            self._idle.put(request)
        joined = parts[0] if count == 1 else [np.concatenate(some) for some in zip(*parts, strict=True)]
        return dict(zip(self.outputs, joined, strict=True))

    def batch_size(self, image_size: int) -> int:
        return batch_size_for(image_size)


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
