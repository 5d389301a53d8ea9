"""The command ``fieldmark review`` as a process: it serves its page, answers, and stops on Ctrl-C."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_it_serves_the_page_until_it_is_interrupted(spoiled: Any, tmp_path: Path) -> None:
    httpx = pytest.importorskip("httpx", reason="needs the extra: pip install 'fieldmark[dev]'")
    arguments = ("review", spoiled.root, "--fast", "--no-open", "--port", "0")
    command = [sys.executable, "-m", "fieldmark", *map(str, arguments)]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stderr is not None
        lines = []
        address = None
        for line in process.stderr:
            lines.append(line)
            if address := re.search(r"http://127\.0\.0\.1:\d+/", line):
                break
        assert address is not None, lines
        state = httpx.get(f"{address[0]}v1/review/state", timeout=60).json()
        assert (state["data"], state["file"]) == ("birds", "birds-decisions.csv")
        key = state["items"][0]["key"]
        decided = httpx.post(f"{address[0]}v1/review/decide", json={"key": key, "choice": "keep"}, timeout=60).json()
        assert decided["left"] < state["left"]
        page = httpx.get(address[0], timeout=60)
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        for link in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
            assert httpx.get(f"{address[0]}{link[1:]}", timeout=60).status_code == 200, link
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(60) == 0
        assert "next: fieldmark fit" in rest
    assert (tmp_path / "birds-decisions.csv").is_file()
    assert not list(spoiled.root.glob("*.csv"))


def test_what_cannot_work_is_said_before_the_photos_are_read(
    command: Callable[..., Any], spoiled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldmark.review import review_data

    monkeypatch.setattr(review_data, "inspect_data", lambda *_, **__: pytest.fail("the photos were read"))
    done = command("review", spoiled.root, "--host", "0.0.0.0")
    assert done.code == 2
    assert done.err == (
        "fieldmark: other machines could see the photos and decide at 0.0.0.0: give an access token with --token\n"
    )
    (tmp_path / "bad.csv").write_text("photo\na.jpg\n", encoding="utf-8")
    done = command("review", spoiled.root, "--decisions", tmp_path / "bad.csv")
    assert (done.code, done.err) == (
        2,
        f"fieldmark: expected the column 'path' in {tmp_path / 'bad.csv'}, found photo: "
        "give a file that 'fieldmark review' wrote\n",
    )
