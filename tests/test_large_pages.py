"""Memory pages of large tensors, in a new process because PyTorch reads the variable once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SWITCH = Path("/sys/kernel/mm/transparent_hugepage/enabled")
CODE = """
import os
before = dict(os.environ)
import fieldmark.api, fieldmark.training.large_pages, torch
assert os.environ == before, "importing fieldmark set an environment variable"
fieldmark.training.large_pages.use_large_pages()
tensor = torch.ones(16 << 20)
address = tensor.data_ptr()
inside = False
for line in open("/proc/self/smaps"):
    first = line.split()[0]
    if "-" in first:
        start, end = (int(part, 16) for part in first.split("-"))
        inside = start <= address < end
    if inside and first == "VmFlags:":
        print("hg" in line.split())
"""


def asks_for_large_pages(**environment: str) -> bool:
    """Return whether the memory of a tensor of 64 MiB carries Linux's advice to use large pages.

    The advice is what the program decides. How many large pages the kernel then gives depends on how scattered the
    free memory of the machine is.
    """
    run = subprocess.run(
        [sys.executable, "-c", CODE], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return {"True\n": True, "False\n": False}[run.stdout]


@pytest.mark.skipif(
    not SWITCH.is_file() or "[never]" in SWITCH.read_text(), reason="this system offers no transparent large pages"
)
def test_large_tensors_ask_for_large_pages_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THP_MEM_ALLOC_ENABLE", raising=False)
    assert asks_for_large_pages()
    assert not asks_for_large_pages(THP_MEM_ALLOC_ENABLE="0")


def test_the_command_line_asks_for_large_pages(command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THP_MEM_ALLOC_ENABLE", raising=False)
    command("--version")
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == "1"
