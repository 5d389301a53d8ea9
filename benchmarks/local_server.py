"""Start ``fieldmark serve`` in a process of its own, for the benchmarks that ask it."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LocalServer", "local_server", "multipart"]

BOUNDARY = "fieldmark-benchmark"


@dataclass(frozen=True)
class LocalServer:
    """Where it listens, and its process."""

    port: int
    pid: int

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def resident(self) -> int:
        """Bytes of it in memory now."""
        fields = Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()
        return int(fields[1]) * 4096


@contextlib.contextmanager
def local_server(model: Path) -> Iterator[LocalServer]:
    """A server on a free port, ready when the block begins."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "fieldmark", "serve", str(model), "--port", str(port)])
    server = LocalServer(port, process.pid)
    try:
        while not _ready(server):
            if process.poll() is not None:
                raise SystemExit("the server did not start")
            time.sleep(0.2)
        yield server
    finally:
        process.terminate()
        process.wait(60)


def multipart(photos: Sequence[tuple[str, bytes]]) -> tuple[bytes, dict[str, str]]:
    """A request's body with these photos, and its headers."""
    parts = []
    for name, content in photos:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="{name}"\r\n\r\n'
        parts += [head.encode(), content, b"\r\n"]
    body = b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])
    return body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def _ready(server: LocalServer) -> bool:
    connection = server.connect()
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
