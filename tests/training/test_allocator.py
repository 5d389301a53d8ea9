from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fieldmark.training.allocator import kept_large_blocks


@pytest.mark.skipif(sys.platform != "linux", reason="reads the counters of page faults that Linux keeps")
def test_a_freed_block_is_used_again_without_new_pages() -> None:
    torch = pytest.importorskip("torch")
    if "glibc" not in __import__("platform").libc_ver()[0]:
        pytest.skip("only glibc has the switch")

    def faults() -> int:
        """Minor page faults of this process so far."""
        return int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[7])

    def touch() -> None:
        torch.ones(16 << 20)  # 64 MiB, freed at once

    touch()
    before = faults()
    for _ in range(4):
        touch()
    usual = faults() - before
    with kept_large_blocks():
        for _ in range(8):  # the heap grows before anything can be used again
            touch()
        before = faults()
        for _ in range(4):
            touch()
        kept = faults() - before
    assert kept < usual / 4
