"""Bodies of requests: limited in size and time, and read as UTF-8."""

from __future__ import annotations

import asyncio
import time

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fieldmark.serve.settings import ServeSettings

__all__ = ["DISCARDED", "BoundedBody", "Utf8Forms"]

DISCARDED = 8
"""Bodies up to this multiple of the limit are read and discarded; larger ones are cut off."""


class BoundedBody:
    """Limit the bodies of requests.

    A body that is too large is answered with 413, with or without a Content-Length header. One that takes too long is
    answered with 408. If the server holds too many bytes of all requests, the answer is 503.
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self.app, self.settings = app, settings
        self.held = 0
        self.too_large = f"the request is larger than {settings.max_bytes / 1e6:g} MB: send fewer or smaller photos"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        most, said = self.settings.max_bytes, _declared(scope)
        body = _Body(self, receive)
        try:
            if said <= most:
                return await self.app(scope, body.receive, send)
            refusal = await self._refusal(body, said)
            await refusal(scope, receive, send)
        finally:
            self.held -= body.held

    async def _refusal(self, body: _Body, said: int) -> JSONResponse:
        """Return the answer for a body that is declared to be too large."""
        error = HTTPException(413, self.too_large, {"Connection": "close"})
        if said <= DISCARDED * self.settings.max_bytes:
            try:
                await body.discard()
            except HTTPException as late:
                error = late
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)


class _Body:
    """The body of one request on its way to the application."""

    def __init__(self, bounds: BoundedBody, receive: Receive) -> None:
        self._bounds, self._receive = bounds, receive
        self._started = time.monotonic()
        self._seen, self._complete = 0, False
        self.held = 0

    async def receive(self) -> Message:
        """Return the next part.

        Raises:
            HTTPException: 408, 413 or 503, see `BoundedBody`.
        """
        message = await self._next()
        length = len(message.get("body", b""))
        settings = self._bounds.settings
        if self._seen > settings.max_bytes:
            raise HTTPException(413, self._bounds.too_large)
        if self._bounds.held + length > settings.max_held:
            headers = {"Retry-After": "1", "Connection": "close"}
            raise HTTPException(503, "the server holds too many photos: try again in a moment", headers)
        self._bounds.held += length
        self.held += length
        return message

    async def discard(self) -> None:
        """Read the rest: a browser that is cut off while it sends shows no answer."""
        while (await self._next())["type"] == "http.request" and not self._complete:
            pass

    async def _next(self) -> Message:
        if self._complete:  # what comes now is the end of the connection, which may take its time
            return await self._receive()
        settings = self._bounds.settings
        left = self._started + settings.body_seconds + self._seen / settings.body_rate - time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, left)):
                message = await self._receive()
        except TimeoutError:
            sentence = f"the request did not arrive within {settings.body_seconds:g} s: send it again, or less of it"
            raise HTTPException(408, sentence, {"Connection": "close"}) from None
        self._seen += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        return message


class Utf8Forms:
    """Read names and values of forms as UTF-8, whatever charset the sender names.

    RFC 7578 has no such parameter for forms. Some of Python's codecs give strings that cannot be written again.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = MutableHeaders(raw=list(scope["headers"]))
            kind, options = parse_options_header(headers.get("content-type", ""))
            if kind == b"multipart/form-data" and b"charset" in options:
                boundary = options.get(b"boundary", b"").decode("latin-1").replace("\\", r"\\").replace('"', r"\"")
                headers["content-type"] = f'multipart/form-data; boundary="{boundary}"'
                scope = {**scope, "headers": headers.raw}
        await self.app(scope, receive, send)


def _declared(scope: Scope) -> int:
    """Return the length that a request declares; 0 if it declares none that is a number."""
    said = Headers(scope=scope).get("content-length", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else 0
