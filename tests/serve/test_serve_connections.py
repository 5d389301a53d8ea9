"""Clients that send slowly, stop, or lie about what they send: their connections end, and others are answered."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

_HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
_PART = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'


@pytest.fixture
def address(served: Any) -> Iterator[tuple[str, int]]:
    url = httpx.URL(served.url)
    assert url.port is not None
    yield url.host, url.port
    assert httpx.get(f"{served.url}/healthz", timeout=60).text == "ok\n"


def _until_closed(connection: socket.socket, trickle: bytes = b"") -> bytes:
    """Return what the server sends until it closes the connection."""
    started = time.monotonic()
    received = b""
    connection.settimeout(0.2)
    while time.monotonic() < started + 60:
        try:
            if trickle:
                connection.sendall(trickle)
            if not (some := connection.recv(65536)):
                break
            received += some
        except TimeoutError:
            continue
        except OSError:  # closed while this side was sending
            break
    else:
        raise AssertionError("the server keeps the connection open")
    return received


def _status(received: bytes) -> int:
    return int(received.split()[1])


@pytest.mark.parametrize("trickle", [b"", b"x"])
@pytest.mark.parametrize("sent", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_a_head_that_does_not_arrive(address: tuple[str, int], sent: bytes, trickle: bytes) -> None:
    started = time.monotonic()
    with socket.create_connection(address) as connection:
        connection.sendall(sent)
        received = _until_closed(connection, trickle)
    assert time.monotonic() - started >= 0.5
    if received:
        assert _status(received) in (400, 408)
        assert "error" in json.loads(received.split(b"\r\n\r\n")[1])


@pytest.mark.parametrize("trickle", [b"", b"x"])
@pytest.mark.parametrize("length", [b"Content-Length: 100000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"])
def test_a_body_that_does_not_arrive(address: tuple[str, int], length: bytes, trickle: bytes) -> None:
    is_chunked = length.startswith(b"Transfer")
    first = b"%x\r\n%s\r\n" % (len(_PART), _PART) if is_chunked else _PART
    started = time.monotonic()
    with socket.create_connection(address) as connection:
        connection.sendall(_HEAD + length + first)
        received = _until_closed(connection, b"1\r\nx\r\n" if trickle and is_chunked else trickle)
    assert time.monotonic() - started >= 0.5
    assert _status(received) == 408
    assert json.loads(received.split(b"\r\n\r\n")[1]) == {
        "error": "the request did not arrive within 1 s: send it again, or less of it"
    }


def test_a_second_request_that_does_not_arrive(address: tuple[str, int]) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        while not received.endswith(b"ok\n"):
            received += connection.recv(65536)
        connection.sendall(b"GET /he")
        received = _until_closed(connection)
    assert _status(received) == 408


def test_a_body_that_nobody_reads_does_not_keep_the_connection(address: tuple[str, int]) -> None:
    """The answer is sent, and the client goes on sending one byte now and then."""
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
        received = _until_closed(connection, b"x")
    assert _status(received) == 200


def test_lies_about_the_length(address: tuple[str, int]) -> None:
    for head, body, status in (
        (b"Content-Length: 4\r\n\r\n", b"--x\r\n--x--\r\nGET", 400),
        (b"Content-Length: -1\r\n\r\n", b"", 400),
        (b"Content-Length: 5, 6\r\n\r\n", b"", 400),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\n", 400),
        (b"Transfer-Encoding: gzip\r\n\r\n", b"", 400),
        (b"Content-Length: 99999999999999999999999\r\n\r\n", b"", 400),
    ):
        with socket.create_connection(address) as connection:
            connection.sendall(_HEAD + head + body)
            received = _until_closed(connection)
        assert 400 <= _status(received) < 500, head
        assert b" 5" not in received[:13]
        assert status in {int(line.split()[1]) for line in received.split(b"HTTP/1.1 ")[1:] for line in [b"- " + line]}


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET /\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
)
def test_what_is_not_http(address: tuple[str, int], sent: bytes) -> None:
    with socket.create_connection(address) as connection:
        connection.sendall(sent)
        received = _until_closed(connection)
    if received:
        assert _status(received) in (400, 408, 421)


def test_a_websocket_is_a_request_like_any_other(address: tuple[str, int], capfd: pytest.CaptureFixture[str]) -> None:
    upgrade = (
        b"Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n"
    )
    with socket.create_connection(address) as connection:
        connection.sendall(b"GET /v1/predict HTTP/1.1\r\nHost: localhost\r\n" + upgrade + b"\r\n")
        received = _until_closed(connection)
    assert _status(received) == 405
    assert capfd.readouterr().err == ""


def test_too_many_open_connections(address: tuple[str, int], birds: Path) -> None:
    opened = [socket.create_connection(address) for _ in range(80)]
    try:
        answers = [_until_closed(connection) for connection in opened[45:]]
    finally:
        for connection in opened:
            connection.close()
    refused = [answer for answer in answers if answer]
    assert refused
    assert {_status(answer) for answer in refused} == {503}
    assert b"retry-after: 1" in refused[0].lower()
    until = time.monotonic() + 60
    while httpx.get(f"http://{address[0]}:{address[1]}/healthz").status_code == 503:
        assert time.monotonic() < until
    photo = min(birds.rglob("*.jpg")).read_bytes()
    url = f"http://{address[0]}:{address[1]}/v1/predict"
    assert httpx.post(url, files={"photo": photo}, timeout=60).status_code == 200
