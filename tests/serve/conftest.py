"""A real server on its own port."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

TOKEN = "only-for-tests"


@dataclass(frozen=True)
class Served:
    """URL of the server, and the copy of a model that it serves."""

    url: str
    model: Path


@pytest.fixture(scope="session")
def served(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    uvicorn = pytest.importorskip("uvicorn", reason="needs the extra: pip install 'fieldmark[serve]'")
    from fieldmark.serve.allowed_hosts import LOOPBACK
    from fieldmark.serve.app import create_app
    from fieldmark.serve.run import server_options
    from fieldmark.serve.settings import ServeSettings

    model = shutil.copytree(fitted, tmp_path_factory.mktemp("served") / "model")
    settings = ServeSettings(
        token=TOKEN,
        max_bytes=3_000_000,
        max_pixels=4_000_000,
        max_photos=20,
        max_connections=40,
        head_seconds=1.0,
        body_seconds=1.0,
        allowed_hosts=LOOPBACK,
    )
    server = uvicorn.Server(uvicorn.Config(create_app(model, settings), **server_options(settings)))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # connections wait until the server accepts them
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", model)
        server.should_exit = True
        thread.join(30)
