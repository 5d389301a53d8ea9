"""Answer only requests that name this server, so that no other website can read from it.

A page of another website can let its own name point to 127.0.0.1 (DNS rebinding). Its scripts then reach a server on
the visitor's machine as if it was their own; only the header ``Host`` still tells the name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["LOOPBACK", "AllowedHosts", "hosts_for", "is_loopback"]

LOOPBACK = ("localhost", "*.localhost", "127.0.0.1", "::1")

_SAFE = ("GET", "HEAD", "OPTIONS")
_SHOWN = 60  # characters of a sender's host in an error


def is_loopback(host: str) -> bool:
    """Return whether a server that listens on `host` is reached from the same machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def hosts_for(address: str, allowed: Sequence[str]) -> tuple[str, ...]:
    """Return the names that requests may have for a server that listens on `address`; empty for any.

    Args:
        address: Where the server listens.
        allowed: Names that the user allows besides.
    """
    if not allowed and not is_loopback(address):
        return ()
    return (*LOOPBACK, address, *allowed)


class AllowedHosts:
    """Answer 421 to requests for other hosts, and 403 to what pages of other websites send.

    Args:
        app: The application.
        hosts: Allowed names; empty allows any.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        self.app = app
        self._hosts = frozenset(_plain(host) for host in hosts)
        self._below = tuple(host[1:] for host in self._hosts if host.startswith("*."))
        self._allows_any = not hosts or "*" in hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        refusal = self._refusal(scope["method"], headers.get("host", ""), headers.get("sec-fetch-site", ""))
        await (self.app if refusal is None else refusal)(scope, receive, send)

    def _refusal(self, method: str, host: str, site: str) -> JSONResponse | None:
        name = _plain(host)
        if not (self._allows_any or name in self._hosts or name.endswith(self._below)):
            shown = "".join(char if char.isprintable() else "?" for char in name[:_SHOWN])
            sentence = f"this server does not answer for the host '{shown}': start it with --allow-host to allow that"
            return JSONResponse({"error": sentence}, 421)
        if site == "cross-site" and method not in _SAFE:
            return JSONResponse({"error": "a page of another website sent this request: use this server's own"}, 403)
        return None


def _plain(host: str) -> str:
    """Return the name in a Host header: without port, brackets and final dot, in small letters."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    if host.count(":") == 1:
        host = host.partition(":")[0]
    return host.removesuffix(".")
