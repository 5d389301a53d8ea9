"""Photos at URLs, from a server on this machine: fetched whole, within limits of size and time."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from fieldmark.data.photos.web_photo import WebLimits, WebPhoto
from fieldmark.errors import PhotoError
from fieldmark.recognizer.inputs import path_of, to_image


def _jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(file, "JPEG")
    return file.getvalue()


PHOTO = _jpeg()


class _Pages(BaseHTTPRequestHandler):
    """What each address does is its name."""

    dripped = 0

    def do_GET(self) -> None:
        name = self.path.strip("/")
        if name == "photo":
            self._send(PHOTO, len(PHOTO))
        elif name == "page":
            self._send(b"<html>no photo</html>", 21)
        elif name == "cut":
            self._send(PHOTO[:200], len(PHOTO))
        elif name == "large":
            self._send(b"\xff\xd8" + bytes(200_000), None)
        elif name.startswith("to-"):
            where = {"to-photo": "/photo", "to-file": "file:///etc/hostname", "to-ftp": "ftp://127.0.0.1/a.jpg"}
            self.send_response(302)
            self.send_header("Location", where.get(name, f"/{name}"))
            self.end_headers()
        elif name == "drip":
            self._drip(b"HTTP/1.0 200 OK\r\n\r\n", 0)
            self._drip(PHOTO, 0.05)
        elif name == "slow-head":
            self._drip(b"HTTP/1.0 200 OK\r\nX: " + b"y" * 1000, 0.05)
        else:
            self.send_error(404)

    def _send(self, body: bytes, size: int | None) -> None:
        self.send_response(200)
        if size is not None:
            self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(body)

    def _drip(self, body: bytes, pause: float) -> None:
        for byte in body:
            try:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
            except OSError:
                return
            _Pages.dripped += 1
            time.sleep(pause)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), _Pages)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


@pytest.mark.parametrize("name", ["photo", "to-photo"])
def test_a_photo_is_opened_like_a_file(server: str, name: str) -> None:
    photo = WebPhoto(f"{server}/{name}")
    assert to_image(photo, draft=(8, 8)).size == to_image(PHOTO, draft=(8, 8)).size
    assert to_image(photo).tobytes() == to_image(PHOTO).tobytes()
    assert path_of(photo) == f"{server}/{name}"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none", "the server answered 404"),
        ("cut", f"the connection ended after 200 of {len(PHOTO)} bytes"),
        ("large", "it is larger than 0.1 MB"),
        ("to-file", "the server answered 302"),
        ("to-ftp", "it redirects to ftp://127.0.0.1/a.jpg"),
        ("to-itself", "the server answered 302"),
    ],
)
def test_what_cannot_be_fetched(server: str, name: str, reason: str) -> None:
    with pytest.raises(PhotoError) as caught:
        to_image(WebPhoto(f"{server}/{name}", WebLimits(megabytes=0.1)))
    advice = "open it in a browser, or save the photo and name the file"
    assert str(caught.value) == f"{server}/{name} cannot be fetched ({reason}): {advice}"


def test_a_page_is_no_photo(server: str) -> None:
    with pytest.raises(PhotoError, match=f"{server}/page is no image"):
        to_image(WebPhoto(f"{server}/page"))


@pytest.mark.parametrize("name", ["drip", "slow-head"])
def test_a_server_that_sends_byte_by_byte_is_left(server: str, name: str) -> None:
    """Each byte comes within the timeout of a socket, so that only a deadline ends this."""
    _Pages.dripped = 0
    with pytest.raises(PhotoError, match=r"it took longer than 0\.3 s"):
        to_image(WebPhoto(f"{server}/{name}", WebLimits(seconds=0.3)))
    assert 0 < _Pages.dripped < len(PHOTO)


def test_nobody_answers() -> None:
    with pytest.raises(PhotoError, match="Connection refused"):
        to_image(WebPhoto("http://127.0.0.1:9/a.jpg"))
