"""Read the console blocks of a page, run their commands, and compare the structure of what is printed.

A block starts with ```` ```console ````. A line that starts with ``$`` is a command; the lines below it are what it
prints. Numbers may differ. ``…`` stands for any text within a line and, by itself, for any lines. A line of JSON must
have the same keys and kinds of values. A block that cannot run in the tests has its reason above it, for every reader:
``*Not run in the tests: it keeps running.*``
"""

from __future__ import annotations

import contextlib
import fnmatch
import io
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

__all__ = ["Block", "Step", "blocks", "mismatch", "printed_by"]

_BLOCK = re.compile(
    r"(?:^\*(?:Not run in the tests: |测试中不运行：)(?P<reason>.+?)\*\n\n)?^```console\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_NUMBER = re.compile(r"(?<![\w])[-+±<]? ?\d[\d,.]*(?:e-?\d+)?")


@dataclass(frozen=True)
class Step:
    """A command with the lines that the page shows below it."""

    command: str
    shown: list[str]


@dataclass(frozen=True)
class Block:
    """Steps of one block; `reason` says why they are not run."""

    steps: list[Step]
    reason: str | None


def blocks(page: Path) -> Iterator[Block]:
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        steps: list[Step] = []
        for line in found["text"].replace(" \\\n", " ").splitlines():
            if line.startswith("$ "):
                steps.append(Step(line.removeprefix("$ "), []))
            elif line.strip():
                steps[-1].shown.append(line)
        yield Block(steps, found["reason"])


def printed_by(command: str, code: int = 0) -> str:
    """Run ``fieldmark ...`` in this process and return stdout and stderr as a terminal shows them."""
    from fieldmark.cli.main import main

    words = shlex.split(command)
    assert words[0] == "fieldmark", f"only fieldmark runs in the tests; mark the block: {command}"
    arguments = [name for word in words[1:] for name in (sorted(map(str, Path().glob(word))) or [word])]
    screen = io.StringIO()
    with (
        mock.patch("sys.argv", ["fieldmark", *arguments]),
        contextlib.redirect_stdout(screen),
        contextlib.redirect_stderr(screen),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    assert (ended.value.code or 0) == code, screen.getvalue()
    return screen.getvalue()


def mismatch(shown: list[str], printed: str) -> str | None:
    """Return the first line on which page and output disagree, or None."""
    rest = [line for line in printed.splitlines() if line.strip()]
    any_lines = False
    for line in shown:
        if line.strip() in ("…", "..."):
            any_lines = True
            continue
        places = [place for place, other in enumerate(rest) if _same(line, other)]
        if not places or (places[0] != 0 and not any_lines):
            return f"the page shows '{line}', the output is '{rest[0] if rest else ''}'"
        rest, any_lines = rest[places[0] + 1 :], False
    return f"the page does not show '{rest[0]}'" if rest and not any_lines else None


def _same(shown: str, printed: str) -> bool:
    if shown.startswith(("{", "[")):
        with contextlib.suppress(json.JSONDecodeError):
            return _shape(json.loads(shown)) == _shape(json.loads(printed))
    pattern = re.sub(r"([\[\]?*])", r"[\1]", _plain(shown)).replace("…", "*")
    return fnmatch.fnmatchcase(_plain(printed), pattern)


def _plain(line: str) -> str:
    return " ".join(_NUMBER.sub("0", line).split())


def _shape(value: Any) -> Any:
    """Return keys and kinds. A list is described by its first element, and null is a kind of its own."""
    if isinstance(value, dict):
        return {name: _shape(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_shape(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
