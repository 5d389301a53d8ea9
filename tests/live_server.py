"""A server of a test on a free port of this machine."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Served", "live_server"]


@dataclass(frozen=True)
class Served:
    """URL of a server, and the copy of a model that it serves."""

    url: str
    model: Path


@contextlib.contextmanager
def live_server(app: Any, settings: Any = None) -> Iterator[str]:
    """Run an application as ``fieldmark serve`` does, and yield its URL. The test skips without the extra ``serve``."""
    uvicorn = pytest.importorskip("uvicorn", reason="needs the extra: pip install 'fieldmark[serve]'")
    from fieldmark.serve.run import server_options
    from fieldmark.serve.settings import ServeSettings

    server = uvicorn.Server(uvicorn.Config(app, **server_options(settings or ServeSettings())))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # connections wait until the server accepts them
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)
