"""Middleware for all requests: limited body size, request metrics, and security headers."""

from __future__ import annotations

import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fieldmark.serve.request_counts import RequestCounts

__all__ = ["BoundedBody", "Measured", "SafeHeaders"]

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


_PATIENCE = 8
"""Bodies up to this multiple of the limit are read and discarded; larger ones are cut off."""


class BoundedBody:
    """Answer 413 to bodies above a number of bytes, with or without a Content-Length header."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app, self.max_bytes = app, max_bytes
        self.sentence = f"the request is larger than {max_bytes / 1e6:g} MB: send fewer or smaller photos"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        said = Headers(scope=scope).get("content-length", "0")
        if said.isdigit() and int(said) > self.max_bytes:
            if int(said) <= _PATIENCE * self.max_bytes:
                await _drain(receive)
            headers = {"Connection": "close"}
            return await JSONResponse({"error": self.sentence}, 413, headers)(scope, receive, send)
        seen = 0

        async def bounded() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.max_bytes:
                raise HTTPException(413, self.sentence)
            return message

        await self.app(scope, bounded, send)


async def _drain(receive: Receive) -> None:
    """Read the rest of the body: a browser that is cut off while it sends shows no answer."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass


class SafeHeaders:
    """Set headers that stop pages from loading anything from other hosts and from being framed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)


class Measured:
    """Count requests by route, status and time."""

    def __init__(self, app: ASGIApp, metrics: RequestCounts) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        started, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.request(route, status, time.perf_counter() - started)
