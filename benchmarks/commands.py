"""Run the command line as a user would, and measure the process: seconds, peak memory, JSON that it printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Run:
    """A finished command: wall seconds from start to exit, peak resident bytes, its stdout."""

    seconds: float
    peak_bytes: int
    stdout: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.stdout)


def fieldmark(*arguments: str | Path, cache: Path) -> Run:
    """``python -m fieldmark ...`` with a cache of its own; stops the benchmark where the command fails."""
    command = [sys.executable, "-m", "fieldmark", *map(str, arguments)]
    print("$ fieldmark", *map(str, arguments), flush=True)
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"FIELDMARK_CACHE": str(cache)}
    )
    assert process.stdout is not None
    stdout = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        sys.exit(f"the command failed with {os.waitstatus_to_exitcode(status)}")
    return Run(time.perf_counter() - started, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024), stdout)
