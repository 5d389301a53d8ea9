"""Measure how a graph runs fastest on this machine, once: the result is kept in the cache."""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from fieldmark.arrays import Float32s, Pixels
from fieldmark.atomic import atomic_file
from fieldmark.backbones.feature_cache import cache_root
from fieldmark.backbones.runners.runner import Runner
from fieldmark.backbones.runners.runner_plan import RunnerPlan, is_quantized, plans_for
from fieldmark.cores import scheduled_cpus
from fieldmark.errors import ModelError

__all__ = ["fastest_plan", "machine_facts", "measure"]

logger = logging.getLogger(__name__)

_ROUNDS, _SECONDS = 3, 0.1
"""Each plan computes for this long in each round; the best round counts, since other processes only slow it down."""

_WORTH = 1.05
"""Another plan than the usual one is chosen if it is faster by this factor: less is within the noise."""

_COSINE = 0.9999
"""Least cosine of two runtimes' outputs, so that their features may lie side by side in one cache."""

_WAIT = 60.0
"""Seconds to wait while another process measures."""


def fastest_plan(graph: bytes, sides: Mapping[str, int], cores: int) -> tuple[RunnerPlan, Runner] | None:
    """Return the fastest way to compute a graph, and a runner; None where the usual way is.

    The first call for a kind of graph on a machine measures for one to two seconds. Later ones read the result.

    Args:
        graph: Content of an ONNX file.
        sides: Side in pixels of each input, by its name.
        cores: Cores that may be used.
    """
    plans = plans_for(cores, quantized=is_quantized(graph))
    if len(plans) == 1:
        return None
    facts = machine_facts(cores) | {"graph": _structure(graph), "sides": dict(sides)}
    key = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()
    file = cache_root() / "runners" / f"{key}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(file.with_suffix(".lock"), timeout=_WAIT):
            kept = _kept(file, plans)
            if kept is None:
                rates, runners = measure(graph, sides, plans)
                kept = max(rates, key=lambda plan: rates[plan])
                if rates[kept] < _WORTH * rates.get(plans[0], 0.0):
                    kept = plans[0]
                _keep(file, kept, facts, rates)
                each = "; ".join(f"{plan}: {rate:.0f}" for plan, rate in rates.items())
                logger.info("  images a second of this network on this machine: %s", each)
                return None if kept == plans[0] else (kept, runners[kept])
    except Timeout:
        return None
    with suppress(ValueError):
        return None if kept == plans[0] else (kept, kept.open(graph))
    return None


def measure(
    graph: bytes, sides: Mapping[str, int], plans: Sequence[RunnerPlan]
) -> tuple[dict[RunnerPlan, float], dict[RunnerPlan, Runner]]:
    """Return images a second of each plan, in turns, and their runners.

    Plans are left out whose runtime does not know an operator of the graph, or gives other outputs than the first plan.
    """
    random = np.random.default_rng(0)
    feeds = {name: random.integers(0, 256, (1, side, side, 3), np.uint8) for name, side in sides.items()}
    runners: dict[RunnerPlan, Runner] = {}
    expected: Mapping[str, Float32s] = {}
    for plan in plans:
        with suppress(ValueError, ModelError):
            runner = plan.open(graph)
            found = runner.run_inputs(feeds)
            expected = expected or found
            if all(_agree(expected[name], found[name]) for name in expected):
                runners[plan] = runner
    rates = dict.fromkeys(runners, 0.0)
    for _ in range(_ROUNDS):
        for plan, runner in runners.items():
            rates[plan] = max(rates[plan], _rate(runner, feeds, plan.callers))
    return rates, runners


def machine_facts(cores: int) -> dict[str, Any]:
    """Return what the speed depends on besides the graph: the processor, cores, and versions of the runtimes."""
    versions = {}
    for package in ("onnxruntime", "onnxruntime-gpu", "openvino"):
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return {"processor": _processor(), "cores": scheduled_cpus(), "used": cores, "versions": versions}


def _agree(one: Float32s, two: Float32s) -> bool:
    a, b = one.ravel().astype(np.float64), two.ravel().astype(np.float64)
    return a.shape == b.shape and float(a @ b) >= _COSINE * float(np.linalg.norm(a) * np.linalg.norm(b))


def _rate(runner: Runner, feeds: Mapping[str, Pixels], callers: int) -> float:
    started = time.perf_counter()

    def call(_: int) -> int:
        done = 0
        while not done or time.perf_counter() - started < _SECONDS:
            runner.run_inputs(feeds)
            done += 1
        return done

    with ThreadPoolExecutor(callers) as pool:
        images = sum(pool.map(call, range(callers)))
    return images / (time.perf_counter() - started)


def _kept(file: Path, plans: Sequence[RunnerPlan]) -> RunnerPlan | None:
    """Return the kept plan; None if there is none, or it is damaged."""
    try:
        plan = RunnerPlan(**json.loads(file.read_text(encoding="utf-8"))["plan"])
        return plan if plan in plans else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(file: Path, plan: RunnerPlan, facts: Mapping[str, Any], rates: Mapping[RunnerPlan, float]) -> None:
    measured = {str(one): round(rate, 1) for one, rate in rates.items()}
    content = {"plan": asdict(plan), "images_per_second": measured, **facts}
    with atomic_file(file) as draft:
        draft.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _structure(graph: bytes) -> str:
    """Return a hash of a graph's operators and of its weights' sizes: fits of one backbone differ only in numbers."""
    import onnx

    model = onnx.load_model_from_string(graph).graph
    described = [node.op_type for node in model.node], [list(each.dims) for each in model.initializer]
    return hashlib.blake2b(repr(described).encode(), digest_size=16).hexdigest()


def _processor() -> str:
    """Return the processor's name and abilities, as Linux lists them; elsewhere what Python knows."""
    wanted = ("model name", "cpu family", "model", "stepping", "flags", "CPU part", "Features")
    found: dict[str, str] = {}
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = (part.strip() for part in line.partition(":"))
            if name in wanted:
                found.setdefault(name, value)
    abilities = hashlib.blake2b(repr(found).encode(), digest_size=4).hexdigest()
    return f"{found.get('model name') or platform.processor() or platform.machine()} ({abilities})"
