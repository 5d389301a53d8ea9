"""Long passes run in the way that is fastest on the machine; short ones and named runtimes never measure."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fieldmark.backbones.onnx_export import export_graph
from fieldmark.backbones.runners import cpu_runner, fastest_plan, openvino_runner, runner_plan
from fieldmark.backbones.runners.cpu_runner import CpuRunner
from fieldmark.backbones.runners.fastest_plan import machine_facts, measure
from fieldmark.backbones.runners.onnx_runner import OnnxRunner
from fieldmark.backbones.runners.runner_plan import RunnerPlan, named_engine, plans_for
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.errors import SettingError

SIDE = 32


class _Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 16, 3))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"avg": self.layers(images).mean((2, 3))}


@pytest.fixture(scope="module")
def graph() -> bytes:
    torch.manual_seed(0)
    return export_graph(_Net().eval(), Preprocess(SIDE), ["avg"])


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The choice is free, its measurement short, and nothing is kept yet."""
    monkeypatch.delenv("FIELDMARK_RUNNER")
    monkeypatch.setenv("FIELDMARK_CACHE", str(tmp_path))
    monkeypatch.setattr(fastest_plan, "_SECONDS", 0.001)
    monkeypatch.setattr(cpu_runner, "available_cpus", lambda: 2)
    return tmp_path / "runners"


def _fail(*_: object, **__: object) -> NoReturn:
    raise AssertionError("nothing may be measured here")


def _rated(monkeypatch: pytest.MonkeyPatch, rates: dict[RunnerPlan, float]) -> None:
    """Let plans be as fast as said, and the others not be available."""
    by_runner: dict[int, float] = {}
    plan_open = RunnerPlan.open

    def opened(plan: RunnerPlan, source: bytes | Path) -> object:
        runner = plan_open(plan, source)
        by_runner[id(runner)] = rates[plan]
        return runner

    monkeypatch.setattr(fastest_plan, "plans_for", lambda *_, **__: list(rates))
    monkeypatch.setattr(RunnerPlan, "open", opened)
    monkeypatch.setattr(fastest_plan, "_rate", lambda runner, *_: by_runner[id(runner)])


USUAL, SPLIT = RunnerPlan("onnxruntime", 2, 1), RunnerPlan("onnxruntime", 1, 2)


def test_short_passes_and_named_runtimes_do_not_measure(
    graph: bytes, monkeypatch: pytest.MonkeyPatch, free: Path
) -> None:
    monkeypatch.setattr(cpu_runner, "fastest_plan", _fail)
    CpuRunner(graph).expect(cpu_runner.MANY - 1)
    monkeypatch.setenv("FIELDMARK_RUNNER", "onnxruntime")
    named = CpuRunner(graph)
    named.expect(10**6)
    assert named.description == "ONNX Runtime"
    assert not free.exists()


def test_the_fastest_plan_is_measured_once_for_a_machine(
    graph: bytes, images: np.ndarray, monkeypatch: pytest.MonkeyPatch, free: Path
) -> None:
    _rated(monkeypatch, {USUAL: 100.0, SPLIT: 106.0})
    runner = CpuRunner(graph)
    assert runner.description == "ONNX Runtime"
    runner.expect(cpu_runner.MANY)
    assert runner.description == "ONNX Runtime, 1 caller of 2 threads"
    np.testing.assert_allclose(runner.run(images)["avg"], OnnxRunner(graph).run(images)["avg"], rtol=1e-5)
    (file,) = free.glob("*.json")
    kept = json.loads(file.read_text())
    assert kept["plan"] == {"engine": "onnxruntime", "callers": 1, "threads": 2}
    assert kept["images_per_second"] == {str(USUAL): 100.0, str(SPLIT): 106.0}
    monkeypatch.setattr(fastest_plan, "measure", _fail)
    again = CpuRunner(graph)
    again.expect(cpu_runner.MANY)
    assert again.description == runner.description


def test_another_fit_of_the_same_backbone_shares_the_measurement(
    graph: bytes, monkeypatch: pytest.MonkeyPatch, free: Path
) -> None:
    _rated(monkeypatch, {USUAL: 100.0, SPLIT: 120.0})
    CpuRunner(graph).expect(cpu_runner.MANY)
    torch.manual_seed(1)
    CpuRunner(export_graph(_Net().eval(), Preprocess(SIDE), ["avg"])).expect(cpu_runner.MANY)
    assert len(list(free.glob("*.json"))) == 1
    CpuRunner(export_graph(_Net().eval(), Preprocess(2 * SIDE), ["avg"])).expect(cpu_runner.MANY)
    assert len(list(free.glob("*.json"))) == 2


def test_a_gain_within_the_noise_changes_nothing(graph: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    _rated(monkeypatch, {USUAL: 100.0, SPLIT: 104.0})
    runner = CpuRunner(graph)
    runner.expect(cpu_runner.MANY)
    assert runner.description == "ONNX Runtime"


@pytest.mark.parametrize("content", ["{", "[]", '{"plan": {"engine": "tvm", "callers": 1, "threads": 1}}'])
def test_a_damaged_file_is_measured_again(
    graph: bytes, monkeypatch: pytest.MonkeyPatch, free: Path, content: str
) -> None:
    _rated(monkeypatch, {USUAL: 100.0, SPLIT: 120.0})
    CpuRunner(graph).expect(cpu_runner.MANY)
    (file,) = free.glob("*.json")
    file.write_text(content)
    CpuRunner(graph).expect(cpu_runner.MANY)
    assert json.loads(file.read_text())["plan"]["threads"] == 2


def test_a_forked_process_computes_without_the_threads_that_it_lost(
    graph: bytes, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    _rated(monkeypatch, {USUAL: 100.0, SPLIT: 120.0})
    runner = CpuRunner(graph)
    runner.expect(cpu_runner.MANY)
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert runner.description == "ONNX Runtime"
    assert runner.run(images)["avg"].shape == (3, 16)


def test_every_plan_for_two_cores_computes_the_same(graph: bytes) -> None:
    plans = plans_for(2, quantized=False)
    rates, runners = measure(graph, {"images": SIDE}, plans)
    assert list(rates) == list(runners) == plans  # `measure` leaves out those that differ
    assert all(rate > 0 for rate in rates.values())


def test_a_plan_with_other_outputs_is_left_out(graph: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    run = OnnxRunner.run_inputs
    monkeypatch.setattr(
        OnnxRunner, "run_inputs", lambda self, feeds: {"avg": run(self, feeds)["avg"] * (1 if self is first else -1)}
    )
    first = USUAL.open(graph)
    monkeypatch.setattr(RunnerPlan, "open", lambda plan, _: first if plan == USUAL else OnnxRunner(graph))
    assert list(measure(graph, {"images": SIDE}, [USUAL, SPLIT])[0]) == [USUAL]


def test_the_machine_and_the_limit_on_threads_are_part_of_the_key() -> None:
    facts = machine_facts(1)
    assert facts != machine_facts(2)
    assert facts["processor"]
    assert "onnxruntime" in facts["versions"]


def test_plans_keep_to_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_plan, "has_openvino", lambda: True)
    for cores in (1, 2, 3, 16):
        plans = plans_for(cores, quantized=False)
        assert plans[0] == RunnerPlan("onnxruntime", cores, 1)
        assert all(plan.callers * plan.threads <= cores for plan in plans)
        assert {plan.engine for plan in plans} == {"onnxruntime", "openvino"}
        assert {plan.engine for plan in plans_for(cores, quantized=True)} == {"onnxruntime"}


def test_an_unknown_runner_is_refused(graph: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert named_engine() is None
    monkeypatch.setenv("FIELDMARK_RUNNER", "openvin")
    with pytest.raises(SettingError) as caught:
        CpuRunner(graph)
    assert str(caught.value) == (
        "unknown runner in FIELDMARK_RUNNER 'openvin': did you mean 'openvino'? (known: auto, onnxruntime, openvino)"
    )


def test_openvino_that_is_not_installed_is_one_sentence(graph: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    openvino_runner.openvino_core.cache_clear()
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setenv("FIELDMARK_RUNNER", "openvino")
    with pytest.raises(SettingError) as caught:
        CpuRunner(graph)
    assert str(caught.value) == (
        "FIELDMARK_RUNNER=openvino needs the `openvino` extra (openvino): pip install 'fieldmark[openvino]'"
    )


def test_openvino_reports_nothing_to_anybody(graph: bytes, images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    if not openvino_runner.has_openvino():
        pytest.skip("needs the extra openvino")
    monkeypatch.setenv("FIELDMARK_RUNNER", "openvino")
    runner = CpuRunner(graph)
    assert runner.description == "OpenVINO, 2 callers of 1 thread"
    assert runner.run(images)["avg"].shape == (3, 16)
    assert "openvino_telemetry" not in sys.modules
    assert sys.modules["openvino.tools.ovc.telemetry_utils"].tm.__name__ == "openvino.tools.ovc.telemetry_stub"
