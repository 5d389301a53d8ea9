"""A server that gets SIGTERM answers what it has accepted, and then ends."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

pytest.importorskip("uvicorn", reason="needs the extra: pip install 'fieldmark[serve]'")


@pytest.fixture
def running(fitted: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """``fieldmark serve`` in a process of its own; a photo waits 2 s for others."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "fieldmark", "serve", str(fitted), "--port", str(port), "--max-wait-ms", "2000"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}"
    until = time.monotonic() + 120
    while True:
        try:
            if httpx.get(f"{url}/readyz").status_code == 200:
                break
        except httpx.TransportError:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
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
