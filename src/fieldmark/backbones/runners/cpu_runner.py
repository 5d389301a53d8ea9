"""Run ONNX graphs on the CPU, for a long pass in the way that is fastest on this machine."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from fieldmark.arrays import Float32s, Pixels
from fieldmark.backbones.runners.fastest_plan import fastest_plan
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.backbones.runners.runner import Runner
from fieldmark.backbones.runners.runner_plan import RunnerPlan, is_quantized, named_engine
from fieldmark.cores import available_cpus

__all__ = ["CpuRunner"]

MANY = 500
"""Photos of a pass that repays a measurement of one to two seconds."""


class CpuRunner(Runner):
    """ONNX Runtime with one thread for each caller, until a long pass is expected and another way is faster.

    All ways compute in float32 and agree but for rounding.

    Args:
        graph: An ONNX file or its content.

    Raises:
        ValueError: The graph cannot be opened.
        SettingError: The environment names a runtime that is not there.
    """

    def __init__(self, graph: bytes | Path) -> None:
        self._graph = graph
        self._usual = OnnxRunner(graph)
        self.outputs = self._usual.outputs
        self._named = named_engine()
        self._chosen: tuple[RunnerPlan, Runner] | None = None
        self._chosen_for = 0
        self._choosing = threading.Lock()
        self._process = os.getpid()
        if self._named == "openvino" and not is_quantized(self._content):
            plan = RunnerPlan("openvino", available_cpus(), 1)
            self._chosen = plan, plan.open(graph)

    def expect(self, photos: int) -> None:
        cores = available_cpus()
        if photos < MANY or self._named or self._usual.on_gpu or self._chosen_for == cores:
            return
        with self._choosing:
            if self._chosen_for != cores:
                self._chosen = fastest_plan(self._content, self._usual.sides, cores)
                self._chosen_for = cores

    def run_inputs(self, feeds: Mapping[str, Pixels]) -> dict[str, Float32s]:
        active = self._active
        return (self._usual if active is None else active[1]).run_inputs(feeds)

    def batch_size(self, image_size: int) -> int:
        return self._usual.batch_size(image_size)

    @property
    def description(self) -> str:
        active = self._active
        return self._usual.description if active is None else str(active[0])

    @property
    def _active(self) -> tuple[RunnerPlan, Runner] | None:
        """What was chosen; None in a forked process, where its threads are gone. The usual way has no threads."""
        return self._chosen if os.getpid() == self._process else None

    @property
    def _content(self) -> bytes:
        return self._graph if isinstance(self._graph, bytes) else self._graph.read_bytes()
