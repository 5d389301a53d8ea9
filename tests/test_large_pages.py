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
PAGES = 16384
"""Of 4 KiB, in the 64 MiB that are asked for."""

CODE = """
import fieldmark.training.large_pages, resource, torch
fieldmark.training.large_pages.use_large_pages()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
torch.ones(16 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(**environment: str) -> int:
    """Count the page faults for one tensor of 64 MiB."""
    run = subprocess.run(
        [sys.executable, "-c", CODE], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return int(run.stdout)


@pytest.mark.skipif(
    not SWITCH.is_file() or "[never]" in SWITCH.read_text(), reason="this system offers no transparent large pages"
)
def test_a_large_tensor_takes_few_page_faults_unless_the_user_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THP_MEM_ALLOC_ENABLE", raising=False)
    assert faults() < PAGES / 8
    if "[madvise]" in SWITCH.read_text():
        assert faults(THP_MEM_ALLOC_ENABLE="0") > PAGES / 2


def test_importing_fieldmark_sets_no_environment_variable() -> None:
    code = "import os; before = dict(os.environ); import fieldmark.api, torch; assert os.environ == before"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_command_line_asks_for_large_pages(command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THP_MEM_ALLOC_ENABLE", raising=False)
    command("--version")
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == "1"
