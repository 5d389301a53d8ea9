"""Cores that this process may use: those of the machine, within the limits of its container and of the user."""

from __future__ import annotations

import math
import os
from pathlib import Path

from fieldmark.errors import SettingError

__all__ = ["THREADS", "available_cpus", "limit_threads", "scheduled_cpus"]

THREADS = "OMP_NUM_THREADS"
"""The environment variable that PyTorch, BLAS and scikit-learn obey, too."""

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def available_cpus() -> int:
    """Number of cores that this process may use, at least 1.

    The smallest of: the cores that the system schedules it on, the processor time that its container may use (Linux
    control groups, ``docker run --cpus 2``), and `THREADS`.
    """
    return int(max(1, min(scheduled_cpus(), _quota(), _wanted())))


def scheduled_cpus() -> int:
    """Number of cores that the system schedules this process on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def limit_threads(count: int) -> None:
    """Use at most `count` threads from here on, also in libraries that are not yet imported, and in child processes.

    Raises:
        SettingError: `count` is less than 1.
    """
    if count < 1:
        raise SettingError(f"threads must be 1 or more, but is {count}")
    os.environ[THREADS] = str(count)


def _wanted() -> float:
    """Return the limit of the user; infinite without one. OpenMP allows a list, one number for each level."""
    first = os.environ.get(THREADS, "").split(",")[0].strip()
    return int(first) if first.isdigit() and int(first) > 0 else math.inf


def _quota() -> float:
    """Return the cores' worth of time that the control groups allow, rounded up; infinite without a limit."""
    try:
        lines = _OWN_CGROUPS.read_text().splitlines()
    except OSError:
        return math.inf
    found = [math.inf]
    for line in lines:
        _, controllers, place = line.split(":", 2)
        second = controllers == ""
        if second or "cpu" in controllers.split(","):
            root = _CGROUPS if second else _CGROUPS / "cpu"
            own = root / place.lstrip("/")
            for folder in (own, *own.parents):
                found.append(_limit(folder) if second else _first_version(folder))
                if folder == root:
                    break
    return min(found)


def _limit(folder: Path) -> float:
    try:
        quota, period = (folder / "cpu.max").read_text().split()
        return math.inf if quota == "max" else math.ceil(int(quota) / int(period))
    except (OSError, ValueError):
        return math.inf


def _first_version(folder: Path) -> float:
    try:
        quota, period = (int((folder / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
        return math.ceil(quota / period) if quota > 0 else math.inf
    except (OSError, ValueError):
        return math.inf
