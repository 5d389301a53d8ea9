"""Freed memory goes back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from fieldmark.serve.freed_memory import return_freed_memory

# Small pieces with a living one between them: the C library keeps the pages of all of them.
SCRIPT = """
from pathlib import Path
from fieldmark.serve.freed_memory import return_freed_memory
resident = lambda: int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
pieces = [bytes(20_000 + index % 7) for index in range(5_000)]
full = resident()
pieces = pieces[::50]
kept = resident()
return_freed_memory()
print(full, kept, resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can return freed pages")
def test_freed_pages_return_to_the_system() -> None:
    assert return_freed_memory()
    ended = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    full, kept, returned = map(float, ended.stdout.split())
    assert kept > full - 20  # MB: without the call the process keeps the memory
    assert returned < full - 60
