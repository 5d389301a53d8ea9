"""Requests that are malformed on purpose: each gets a documented status and one sentence, and harms no other."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import HTTPException
from PIL import Image

from fieldmark.serve.token_route import _demand_token

TOKEN = "only-for-tests"
ALLOWED = {"Authorization": f"Bearer {TOKEN}"}
File = tuple[str, tuple[str, bytes, str]]


@pytest.fixture(scope="module")
def client(served: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=120) as opened:
        yield opened


@pytest.fixture(scope="module")
def photo(birds: Path) -> bytes:
    return min(birds.rglob("*.jpg")).read_bytes()


def _file(content: bytes, name: str = "a.jpg") -> list[File]:
    return [("photo", (name, content, "image/jpeg"))]


def _png(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (width, height)).save(stream, "PNG")
    return stream.getvalue()


def _form(disposition: bytes, content: bytes = b"no photo") -> bytes:
    return b"--x\r\nContent-Disposition: form-data; " + disposition + b"\r\n\r\n" + content + b"\r\n--x--\r\n"


def _multipart(client: httpx.Client, body: bytes, kind: str = "multipart/form-data; boundary=x") -> httpx.Response:
    return client.post("/v1/predict", content=body, headers={"Content-Type": kind})


@pytest.mark.parametrize(
    "charset", ["unicode_escape", "raw_unicode_escape", "utf-7", "utf-16", "undefined", "punycode", "hex", "no-such"]
)
def test_forms_are_utf8_whatever_charset_they_name(client: httpx.Client, charset: str) -> None:
    body = _form(b'name="photo"; filename="\\ud800 \xe6\x96\xb0.jpg"')
    given = _multipart(client, body, f"multipart/form-data; charset={charset}; boundary=x")
    assert given.status_code == 422
    assert given.json()["answers"][0]["path"] == "\\ud800 新.jpg"


def test_names_of_files_come_back_without_characters_that_cannot_be_shown(client: httpx.Client) -> None:
    body = _form('name="photo"; filename="a\u202egpj\x1b[31m.jpg"'.encode())
    assert _multipart(client, body).json()["answers"][0]["path"] == "a\ufffdgpj\ufffd[31m.jpg"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ("multipart/form-data; boundary=" + "y" * 5000, 400),
        ("multipart/mixed; boundary=x", 422),
        ("application/json", 422),
        ("application/x-www-form-urlencoded", 422),
        (";", 422),
    ],
)
def test_other_content_types(client: httpx.Client, kind: str, status: int) -> None:
    given = _multipart(client, _form(b'name="photo"; filename="a.jpg"'), kind)
    assert (given.status_code, set(given.json())) == (status, {"error"})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (_form(b'name="photo"', b"text"), 422),
        (_form(b'name="photo"; filename=""', b""), 422),
        (_form(b'filename="a.jpg"'), 400),
        (_form(b'name="photo"; filename="' + b"n" * 100_000 + b'"'), 400),
        (b"", 422),
        (b"--x", 422),
        (b"--x\r\n\r\n\r\n--x--\r\n", 400),
        (_form(b'name="photo"; filename="a.jpg"')[:-10], 422),
        (b"".join(_form(b'name="photo"; filename="a"', b"")[:-5] + b"\r\n" for _ in range(1001)) + b"--x--\r\n", 400),
    ],
)
def test_malformed_forms(client: httpx.Client, body: bytes, status: int) -> None:
    given = _multipart(client, body)
    assert (given.status_code, set(given.json())) == (status, {"error"})


def test_a_photo_with_too_many_pixels_spoils_no_other(client: httpx.Client, photo: bytes) -> None:
    large = _file(_png(3000, 2000), "large.png")
    given = client.post("/v1/predict", files=[*_file(photo) * 10, *large, *_file(photo) * 9])
    answers = given.json()["answers"]
    sentence = "large.png has 3000 x 2000 = 6 million pixels, but the limit is 4 million: scale it down"
    assert given.status_code == 200
    assert [answer.get("error") for answer in answers] == [sentence if index == 10 else None for index in range(20)]
    assert len({str(answer["candidates"]) for answer in answers}) == 2  # nineteen times the same, and none


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\nxx", b"RIFFxxxxWEBP", b"II*\0", b"BM", b"GIF8", b"\0\0\0\x0cjP  ", b"\xff\xd8\xff"]
)
def test_no_answer_names_an_object_in_memory(client: httpx.Client, content: bytes) -> None:
    for route in ("predict", "search", "explain"):
        given = client.post(f"/v1/{route}", files=_file(content))
        assert given.status_code == 422
        assert not re.search(r"0x[0-9a-f]{4}|<_io|object at", given.text)


@pytest.mark.parametrize("route", ["/v1/search", "/v1/explain"])
def test_routes_for_one_photo_refuse_two(client: httpx.Client, photo: bytes, route: str) -> None:
    given = client.post(route, files=_file(photo) * 2)
    assert (given.status_code, given.json()["error"]) == (
        422,
        "expected one photo, but got 2: send one request for each",
    )


def test_a_search_in_a_class_that_does_not_exist(client: httpx.Client, photo: bytes) -> None:
    given = client.post("/v1/search?label=x' OR '1'='1", files=_file(photo))
    assert given.status_code == 422
    assert given.json()["error"].startswith("unknown class 'x' OR '1'='1'")


def test_the_token_is_checked_before_the_request_is_read(client: httpx.Client) -> None:
    for sent in ("", "Bearer", "Bearer wrong", "Basic b25seQ==", f"Bearer {TOKEN}x", "Bearer \xe9"):
        headers = {"Authorization": sent.encode("latin-1"), "Content-Type": "multipart/form-data"}
        refused = [
            client.post("/v1/enroll", content=b"no form", headers=headers),
            client.delete("/v1/enroll", headers=headers),
            client.delete("/v1/enroll/" + "x" * 300, headers=headers),
        ]
        assert [given.status_code for given in refused] == [401, 401, 401]
        assert {given.headers["www-authenticate"] for given in refused} == {"Bearer"}


def test_a_token_may_have_any_letters() -> None:
    _demand_token("geheim-é", "Bearer " + "geheim-é".encode().decode("latin-1"))  # as servers read headers
    for sent in ("Bearer geheim-é", "Bearer geheim-", "Bearer geheim-?"):
        with pytest.raises(HTTPException) as raised:
            _demand_token("geheim-é", sent)
        assert raised.value.status_code == 401


def _enrol(client: httpx.Client, photo: bytes, label: str) -> httpx.Response:
    return client.post("/v1/enroll", files=_file(photo), data={"label": label}, headers=ALLOWED)


@pytest.mark.parametrize(
    "label", ["\x00", "a\x00b", "a\nb", "a\u202eb", "a\u2066b", "\u200b", " ", "\x1b[31mred", "\U000e0041", "a" * 201]
)
def test_names_that_cannot_be_shown_are_not_enrolled(client: httpx.Client, photo: bytes, label: str) -> None:
    given = _enrol(client, photo, label)
    assert given.status_code == 422
    assert "name" in given.json()["error"] or "'label' is not valid" in given.json()["error"]
    assert client.get("/v1/model").json()["enrolled"] == []


@pytest.mark.parametrize("label", ["..", ".", "../../x", "/etc/passwd", "?", "#", "a%2Fb", "新 / β", "<script>", "a'b"])
def test_every_name_that_is_enrolled_can_be_removed(
    client: httpx.Client, photo: bytes, served: Any, label: str
) -> None:
    before = {path for path in served.model.parent.rglob("*") if served.model not in path.parents}
    assert _enrol(client, photo, label).status_code == 200
    assert {path for path in served.model.parent.rglob("*") if served.model not in path.parents} == before
    removed = client.delete("/v1/enroll", params={"label": label}, headers=ALLOWED)
    assert (removed.status_code, removed.json()) == (200, {"label": label, "enrolled": []})
    if label.strip("."):  # clients resolve these two as folders before they send them
        assert _enrol(client, photo, label).status_code == 200
        removed = client.delete("/v1/enroll/" + quote(label, safe=""), headers=ALLOWED)
        assert (removed.status_code, removed.json()) == (200, {"label": label, "enrolled": []})


def test_names_that_look_the_same_are_the_same(client: httpx.Client, photo: bytes) -> None:
    assert _enrol(client, photo, "Cafe\u0301\u00a0").json()["label"] == "Café"
    twin = _enrol(client, photo, "Caf\u200bé")
    assert (twin.status_code, twin.json()["error"]) == (
        422,
        "the model already has a class 'Café'; choose another name, or unenroll it first",
    )
    removed = client.delete("/v1/enroll", params={"label": "Cafe\u0301"}, headers=ALLOWED)
    assert removed.json() == {"label": "Café", "enrolled": []}


def test_two_names_for_one_class_are_refused(client: httpx.Client, photo: bytes) -> None:
    given = client.post("/v1/enroll", files=_file(photo), data={"label": ["a", "b"]}, headers=ALLOWED)
    assert (given.status_code, given.json()["error"]) == (
        422,
        "expected one label, but got 2: enroll one class in each request",
    )


def test_only_loopback_names_are_answered(client: httpx.Client) -> None:
    for host in ("127.0.0.1", "localhost:8000", "LOCALHOST.", "app.localhost", "[::1]:8000"):
        assert client.get("/v1/model", headers={"Host": host}).status_code == 200, host
    for host in (
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "evil\u00e9",
        "",
        "192.168.1.7",
    ):
        given = client.get("/v1/model", headers={"Host": host.encode("latin-1")})
        assert given.status_code == 421, host
        assert given.json()["error"].startswith("this server does not answer for the host '")


def test_what_pages_of_other_websites_send_is_refused(client: httpx.Client, photo: bytes) -> None:
    for site, status in (("cross-site", 403), ("same-origin", 200), ("same-site", 200), ("none", 200)):
        given = client.post("/v1/predict", files=_file(photo), headers={"Sec-Fetch-Site": site})
        assert given.status_code == status
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200  # a link leads here


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "TRACE", "PROPFIND"])
def test_other_methods(client: httpx.Client, method: str) -> None:
    given = client.request(method, "/v1/predict", headers={"Origin": "http://evil.example"})
    assert (given.status_code, given.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/v1/model", "/", "/page/main.js", "/no-such-page", "/metrics"])
def test_every_answer_has_the_safe_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path, headers={"Origin": "http://evil.example"}).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["%00", "../app.py", "%2e%2e/app.py", "..%2fapp.py", "/etc/passwd", "a" * 5000, "%ff"])
def test_only_files_of_the_page_are_served(client: httpx.Client, path: str) -> None:
    assert client.get(f"/page/{path}").status_code == 404


@pytest.mark.parametrize(
    "ranges", ["bytes=9999999999999999999999-", "bytes=a-b", "bytes=" + "0-1," * 1000 + "2-3", "x"]
)
def test_odd_ranges(client: httpx.Client, ranges: str) -> None:
    assert client.get("/page/main.js", headers={"Range": ranges}).status_code in (200, 206, 400, 416)
