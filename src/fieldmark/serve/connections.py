"""Connections that end when their client stops sending: time limits for heads, bodies and leftovers.

The application sees a request only when its head is complete, and its body only until the answer is sent. Before and
after that, only the connection can end a client that sends one byte now and then (a "slowloris").
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Literal

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from fieldmark.serve.middleware import SAFE_HEADERS
from fieldmark.serve.request_body import DISCARDED
from fieldmark.serve.settings import ServeSettings

__all__ = ["LimitedConnection"]

_GRACE = 5.0
"""More seconds than the application gives a body, so that its answer comes first."""

_STOPPING = 3.0
"""Seconds that a server which stops gives to bodies that are still arriving."""

_FULL = "too many connections are open: try again in a moment"
_LATE = "the head of the request did not arrive in time: send it again"
_LEAVING = "the server is shutting down: try again in a moment"
_MALFORMED = "the request is not valid HTTP: send it again"


class LimitedConnection(H11Protocol):
    """A connection of uvicorn with a clock for what the client sends.

    Args:
        settings: The limits.
        arguments: Those of uvicorn.
    """

    def __init__(self, settings: ServeSettings, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._settings = settings
        self._clock: asyncio.TimerHandle | None = None
        self._awaited: tuple[str, object] | None = None
        self._since = 0.0
        self._received = 0
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._refused = len(self.connections) > self._settings.max_connections
        if self._refused:
            self._answer(503, _FULL, (b"retry-after", b"1"))
        else:
            self._watch(0)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused or self.transport.is_closing():
            return
        super().data_received(data)
        self._watch(len(data))

    def shutdown(self) -> None:
        super().shutdown()
        if not self.transport.is_closing():
            self.loop.call_later(_STOPPING, self._leave, self.cycle)

    def send_400_response(self, msg: str) -> None:
        self._answer(400, _MALFORMED)

    def _unsupported_upgrade_warning(self) -> None:
        """A request for a websocket is answered like any other; the log gets no line for each."""

    def _watch(self, length: int) -> None:
        """Start the clock when the client begins to send something else, and stop it when nothing is awaited."""
        awaited = self._now_awaited()
        if awaited is None:
            self._awaited = None
            return self._stop_clock()
        if awaited != self._awaited:
            self._awaited, self._since, self._received = awaited, self.loop.time(), length
            self._stop_clock()
            self._clock = self.loop.call_at(self._deadline(), self._look)
            return None
        self._received += length
        answered = self.cycle is not None and self.cycle.response_complete
        if answered and self._received > DISCARDED * self._settings.max_bytes:
            self.transport.abort()
        return None

    def _now_awaited(self) -> tuple[Literal["head", "body"], object] | None:
        """Return what the client has to send, and the request before it or that it belongs to."""
        if self.conn.their_state is h11.IDLE:
            return "head", self.cycle
        if self.conn.their_state is h11.SEND_BODY:
            return "body", self.cycle
        return None

    def _deadline(self) -> float:
        awaited = self._awaited
        assert awaited is not None
        if awaited[0] == "head":
            return self._since + self._settings.head_seconds
        extra = self._received / self._settings.body_rate
        return self._since + self._settings.body_seconds + extra + _GRACE

    def _look(self) -> None:
        self._clock = None
        awaited = self._now_awaited()
        if awaited is None or self._awaited != awaited:
            return
        if self.loop.time() < self._deadline():
            self._clock = self.loop.call_at(self._deadline(), self._look)
        elif awaited[0] == "head" and self._received:
            self._answer(408, _LATE)
        else:
            self.transport.close()

    def _leave(self, request: object) -> None:
        """End a request whose body has not arrived completely."""
        if self.cycle is request and self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
            self._answer(503, _LEAVING, (b"retry-after", b"1"))

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _answer(self, status: int, sentence: str, *headers: tuple[bytes, bytes]) -> None:
        """Send an answer that no application has made, and close the connection."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = json.dumps({"error": sentence}).encode()
            safe = [(name.lower().encode(), value.encode()) for name, value in SAFE_HEADERS.items()]
            length = (b"content-length", str(len(body)).encode())
            head = [(b"content-type", b"application/json"), length, (b"connection", b"close"), *safe, *headers]
            for event in (h11.Response(status_code=status, headers=head), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
