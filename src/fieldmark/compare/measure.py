"""Measure the cost of a run: peak memory, processor time and parameters."""

from __future__ import annotations

import re
import time
from pathlib import Path

from fieldmark.recognizer.predictor import Predictor

__all__ = ["count_parameters", "cpu_seconds", "peak_bytes"]


def peak_bytes() -> int | None:
    """Return the peak memory of this process in bytes; None if the system does not report it.

    On Linux the value comes from /proc, because `getrusage` includes the peak of the parent process.
    """
    from fieldmark.training.gradient.hardware import peak_memory

    status = Path("/proc/self/status")
    if status.is_file() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found[1]) * 1024
    return peak_memory()


def cpu_seconds() -> float:
    """Return the processor time of this process and its finished children."""
    if not hasattr(time, "clock_gettime"):
        return time.process_time()
    import resource

    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def count_parameters(recognizer: Predictor) -> int:
    """Return the number of weights of all methods in the model, without running statistics."""
    from fieldmark.artifact.load_method import load_method

    manifest = recognizer.manifest
    methods = [load_method(recognizer.folder, manifest, facts) for facts in manifest.members]
    return sum(parameter.numel() for method in methods for parameter in method.parameters())
