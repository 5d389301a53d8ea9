"""A real server on its own port."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from live_server import Served, live_server

TOKEN = "only-for-tests"
PATIENCE = 120_000  # milliseconds; the first explanation loads libraries


@pytest.fixture(scope="module")
def served(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Each file of tests has its own server and model: what the tests of one enroll does not reach the next."""
    pytest.importorskip("fastapi", reason="needs the extra: pip install 'fieldmark[serve]'")
    from fieldmark.serve.allowed_hosts import LOOPBACK
    from fieldmark.serve.app import create_app
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
    with live_server(create_app(model, settings), settings) as url:
        yield Served(url, model)


@pytest.fixture
def open_page(browser: Any, served: Served) -> Iterator[Callable[..., Any]]:
    """Opens the served page at a width. Errors of its scripts and requests to other hosts fail the test."""
    contexts: list[Any] = []
    wrong: list[str] = []

    def opened(width: int = 1280, query: str = "", **options: Any) -> Any:
        height = 844 if width < 720 else 900
        context = browser.new_context(**{"locale": "en-US", "viewport": {"width": width, "height": height}} | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.extend(_foreign(request.url, served.url)))
        page.goto(f"{served.url}/{query}")
        page.locator("#model:not(:empty)").wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def _foreign(url: str, own: str) -> list[str]:
    return [] if url.startswith((own, "blob:", "data:")) else [url]


@pytest.fixture(scope="session")
def photos(birds: Path) -> list[Path]:
    """One photo of each class."""
    return sorted(birds.rglob("*.jpg"))[::24]
