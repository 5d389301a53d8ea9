"""Ways to compute a graph on the cores of this process: which runtime, how many callers, threads of each."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.backbones.runners.openvino_runner import OpenVinoRunner, has_openvino
from fieldmark.backbones.runners.runner import Runner
from fieldmark.errors import unknown_name

__all__ = ["RUNNER", "Engine", "RunnerPlan", "is_quantized", "named_engine", "plans_for"]

RUNNER = "FIELDMARK_RUNNER"
"""The environment variable that names the runtime: ``auto``, ``onnxruntime`` or ``openvino``."""

Engine = Literal["onnxruntime", "openvino"]
_NAMES: dict[Engine, str] = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}


@dataclass(frozen=True, slots=True)
class RunnerPlan:
    """One way to compute a graph.

    Attributes:
        engine: The runtime.
        callers: Calls that compute at the same time.
        threads: Threads that each call computes on.
    """

    engine: Engine
    callers: int
    threads: int

    def __str__(self) -> str:
        callers = f"{self.callers} caller{'s' if self.callers > 1 else ''}"
        return f"{_NAMES[self.engine]}, {callers} of {self.threads} thread{'s' if self.threads > 1 else ''}"

    def open(self, graph: bytes | Path) -> Runner:
        """Return a runner.

        Raises:
            ValueError: The runtime cannot open the graph.
            SettingError: The runtime is not installed.
        """
        kind = OnnxRunner if self.engine == "onnxruntime" else OpenVinoRunner
        return kind(graph, callers=self.callers, threads=self.threads)


def plans_for(cores: int, *, quantized: bool) -> list[RunnerPlan]:
    """Return the plans that are worth a measurement on so many cores; the first one is the usual one.

    Args:
        cores: Cores of this process.
        quantized: Whether the graph computes in int8: OpenVINO rounds integers otherwise than ONNX Runtime, so that
            the answers would differ.
    """
    splits = dict.fromkeys([(cores, 1), (max(1, cores // 2), 2 if cores > 1 else 1), (1, cores)])
    engines: list[Engine] = ["onnxruntime"]
    if has_openvino() and not quantized:
        engines.append("openvino")
    return [RunnerPlan(engine, callers, threads) for engine in engines for callers, threads in splits]


def named_engine() -> Engine | None:
    """Return the runtime that `RUNNER` names; None where it leaves the choice to a measurement.

    Raises:
        SettingError: There is no such runtime.
    """
    name = os.environ.get(RUNNER, "").strip() or "auto"
    if name == "auto":
        return None
    if name not in get_args(Engine):
        raise unknown_name(f"runner in {RUNNER}", name, ["auto", *get_args(Engine)])
    return cast(Engine, name)


def is_quantized(graph: bytes) -> bool:
    """Return whether the content of an ONNX file holds quantised operators."""
    return b"QuantizeLinear" in graph
