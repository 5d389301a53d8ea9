"""The server holds a bounded number of bytes, and gives them back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from fieldmark.serve.request_body import BoundedBody
from fieldmark.serve.settings import ServeSettings

_SCOPE: Scope = {"type": "http", "method": "POST", "path": "/", "headers": []}


def _run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run in a thread: a browser test of the same process may have left a running loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, coroutine).result()


async def _nothing(_: Message) -> None:
    return None


def _receive(sizes: Sequence[int]) -> Receive:
    left = list(sizes)

    async def receive() -> Message:
        size = left.pop(0)
        return {"type": "http.request", "body": bytes(size), "more_body": bool(left)}

    return receive


async def _read(_: Scope, receive: Receive, __: Send) -> None:
    while (await receive()).get("more_body"):
        pass


def test_bodies_of_all_requests_together_are_bounded() -> None:
    async def run() -> None:
        gate = asyncio.Event()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await _read(scope, receive, send)
            await gate.wait()

        bounded = BoundedBody(app, ServeSettings(max_bytes=100, max_held=150))
        first = asyncio.create_task(bounded(_SCOPE, _receive([50, 50]), _nothing))
        while bounded.held < 100:
            await asyncio.sleep(0)
        with pytest.raises(HTTPException) as raised:
            await bounded(_SCOPE, _receive([60]), _nothing)
        assert (raised.value.status_code, raised.value.headers) == (503, {"Retry-After": "1", "Connection": "close"})
        assert bounded.held == 100
        gate.set()
        await first
        assert bounded.held == 0
        await bounded(_SCOPE, _receive([60]), _nothing)

    _run(run())


@pytest.mark.parametrize("length", ["\u00b2", "-1", "1e9", "", "9" * 30])
def test_a_length_that_is_no_number_is_counted_instead(length: str) -> None:
    bounded = BoundedBody(_read, ServeSettings(max_bytes=100))
    scope = {**_SCOPE, "headers": [(b"content-length", length.encode("latin-1"))]}
    _run(bounded(scope, _receive([100]), _nothing))
    with pytest.raises(HTTPException) as raised:
        _run(bounded(scope, _receive([100, 1]), _nothing))
    assert raised.value.status_code == 413
