"""A server that gets SIGTERM answers what it has accepted, and then ends."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("uvicorn", reason="needs the extra: pip install 'fieldmark[serve]'")


@pytest.fixture
def running(fitted: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """``fieldmark serve`` in a process of its own; a photo waits 2 s for others."""
    command = [sys.executable, "-m", "fieldmark", "serve", str(fitted), "--port", "0", "--max-wait-ms", "2000"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    assert process.stderr
    said = re.search(
        rb" at (http://127\.0\.0\.1:[1-9]\d*)/ until Ctrl-C; enrolling is off\n", process.stderr.readline()
    )
    assert said
    url = said[1].decode()
    assert httpx.get(f"{url}/readyz").status_code == 200
    yield process, url
    process.kill()
    process.communicate()


def test_sigterm_answers_accepted_requests(running: tuple[subprocess.Popen[bytes], str], birds: Path) -> None:
    process, url = running
    photo = min(birds.rglob("*.jpg")).read_bytes()
    half = socket.create_connection(("127.0.0.1", httpx.URL(url).port))  # a client that never sends its body
    form = b"Content-Type: multipart/form-data; boundary=x\r\n"
    half.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n" + form + b"\r\n--x\r\n")
    with ThreadPoolExecutor(3) as pool:
        asked: list[Future[httpx.Response]] = [
            pool.submit(httpx.post, f"{url}/v1/predict", files={"photo": photo}, timeout=60) for _ in range(3)
        ]
        while "fieldmark_photos_waiting 0.0" in httpx.get(f"{url}/metrics").text and not asked[0].done():
            time.sleep(0.02)
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        answered = [each.result(60) for each in asked]
    assert [given.status_code for given in answered] == [200, 200, 200]
    assert all(given.json()["answers"][0]["candidates"] for given in answered)
    started = time.monotonic()
    ended = threading.Thread(target=process.wait, daemon=True)
    ended.start()
    ended.join(60)
    assert process.poll() is not None, f"still running {time.monotonic() - started:.0f} s after the last answer"
    assert b" 503 " in half.recv(65536)
    half.close()
    assert b"Traceback" not in process.stderr.read() if process.stderr else True
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{url}/healthz")


def test_a_taken_port_is_one_sentence(fitted: Path, command: Callable[..., Any]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = command("serve", fitted, "--port", port)
    assert (ran.code, " ".join(ran.err.split())) == (
        2,
        f"fieldmark: cannot listen on 127.0.0.1, port {port} (Address already in use): name another --port or --host",
    )
