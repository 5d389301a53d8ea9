"""A photo at a URL: fetched when it is read, within limits of size, time and redirects."""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from fieldmark.errors import PhotoError

__all__ = ["WebLimits", "WebPhoto", "is_url"]

_CHUNK = 1 << 16
_SCHEMES = ("http", "https")


@dataclass(frozen=True, slots=True)
class WebLimits:
    """Bounds of what photos at URLs may cost.

    Attributes:
        count: Photos in one run.
        megabytes: Size of one photo.
        seconds: Time for one photo, from the first connection to the last byte, redirects included.
    """

    count: int = 1000
    megabytes: float = 30.0
    seconds: float = 30.0


def is_url(text: str) -> bool:
    """Return whether a text is the address of something on the web.

    >>> is_url("https://example.org/a.jpg"), is_url("a.jpg"), is_url("file:///a.jpg")
    (True, False, False)
    """
    return text.lower().startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True)
class WebPhoto:
    """A photo that is fetched each time it is opened.

    Attributes:
        url: An address that starts with ``http://`` or ``https://``. Redirects to other kinds are refused.
        limits: Bounds of size and time.
    """

    url: str
    limits: WebLimits = field(default_factory=WebLimits)

    def open(self) -> io.BytesIO:
        """Fetch the photo, and return it as a binary file with the URL as its name.

        Raises:
            PhotoError: It cannot be fetched within the limits.
        """
        content = _NamedBytes(_fetch(self.url, self.limits))
        content.name = self.url
        return content


class _NamedBytes(io.BytesIO):
    name = ""


class _SameKind(urllib.request.HTTPRedirectHandler):
    """Follow redirects to the web only; the standard handler also follows them to FTP."""

    max_redirections = 5

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(newurl).scheme not in _SCHEMES:
            raise urllib.error.URLError(f"it redirects to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Deadline:
    """Closes the connections of one fetch when its time is over, however slowly the bytes arrive."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._close)
        self._timer.daemon = True

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._close()

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._end

    def watching(self, kind: type[http.client.HTTPConnection]) -> Callable[..., http.client.HTTPConnection]:
        """Return a factory of connections that this deadline closes."""

        def connect(*args: Any, **options: Any) -> http.client.HTTPConnection:
            connection = kind(*args, **options)
            plain_connect = connection.connect

            def connect_and_remember() -> None:
                plain_connect()
                self._sockets.append(connection.sock)  # urllib forgets it while the body is still to come

            connection.connect = connect_and_remember  # type: ignore[method-assign]
            return connection

        return connect

    def _close(self) -> None:
        for opened in self._sockets:
            with contextlib.suppress(OSError):  # already closed
                opened.shutdown(socket.SHUT_RDWR)


def _opener(deadline: _Deadline) -> urllib.request.OpenerDirector:
    class Http(urllib.request.HTTPHandler):
        def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(deadline.watching(http.client.HTTPConnection), req)

    class Https(urllib.request.HTTPSHandler):
        def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
            return self.do_open(deadline.watching(http.client.HTTPSConnection), req)

    return urllib.request.build_opener(Http, Https, _SameKind)


def _fetch(url: str, limits: WebLimits) -> bytes:
    most = int(limits.megabytes * 1e6)
    with _Deadline(limits.seconds) as deadline:
        try:
            request = urllib.request.Request(url, headers={"User-Agent": "fieldmark", "Accept": "image/*"})
            with _opener(deadline).open(request, timeout=limits.seconds) as response:
                content = _read(response, most, url, limits)
        except PhotoError:
            raise
        except urllib.error.HTTPError as error:
            raise _not_fetched(url, f"the server answered {error.code}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise _too_slow(url, limits) if deadline.is_over else _not_fetched(url, f"{reason}") from error
        if deadline.is_over:
            raise _too_slow(url, limits)
    return content


def _read(response: http.client.HTTPResponse, most: int, url: str, limits: WebLimits) -> bytes:
    parts, size = [], 0
    while part := response.read1(_CHUNK):
        parts.append(part)
        size += len(part)
        if size > most:
            raise _not_fetched(url, f"it is larger than {limits.megabytes:g} MB")
    promised = response.headers.get("Content-Length", "")
    if promised.isdecimal() and size < int(promised):
        raise _not_fetched(url, f"the connection ended after {size:,} of {int(promised):,} bytes")
    return b"".join(parts)


def _too_slow(url: str, limits: WebLimits) -> PhotoError:
    return _not_fetched(url, f"it took longer than {limits.seconds:g} s")


def _not_fetched(url: str, reason: str) -> PhotoError:
    return PhotoError(f"{url} cannot be fetched ({reason}): open it in a browser, or save the photo and name the file")
