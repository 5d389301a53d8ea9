"""The routes answer like the command line, and a bad request gets a one-sentence error."""

from __future__ import annotations

import io
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from PIL import Image

from fieldmark import Recognizer, SettingError
from fieldmark.recognizer.nearest import nearest_photos
from fieldmark.serve import run
from fieldmark.serve.app import create_app
from fieldmark.serve.settings import ServeSettings

Command = Callable[..., Any]
TOKEN = "only-for-tests"


@pytest.fixture(scope="module")
def client(served: Any) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=120) as opened:
        yield opened


@pytest.fixture(scope="module")
def photos(birds: Path) -> list[Path]:
    return sorted(birds.rglob("*.jpg"))[::12]


def _files(*paths: Path) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("photo", (path.name, path.read_bytes(), "image/jpeg")) for path in paths]


def _bytes(content: bytes, name: str = "odd.jpg") -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("photo", (name, content, "image/jpeg"))]


def test_health_and_readiness(client: httpx.Client) -> None:
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").text == "ready\n"


def test_the_model_route_lists_classes_and_limits(client: httpx.Client, fitted: Path) -> None:
    facts = client.get("/v1/model").json()
    assert facts["classes"][:4] == list(Recognizer(fitted).classes)
    assert (facts["explains"], facts["gallery"], facts["enrolls"]) == (True, True, True)


def test_predict_answers_as_the_command_does(
    client: httpx.Client, fitted: Path, photos: list[Path], command: Command
) -> None:
    answered = client.post("/v1/predict?top_k=3", files=_files(*photos)).json()["answers"]
    lines = command("predict", fitted, *photos, "--json", "--top", 3).out.splitlines()
    for answer, line, path in zip(answered, map(json.loads, lines), photos, strict=True):
        assert answer["path"] == path.name
        assert answer.keys() == line.keys()
        assert [one["label"] for one in answer["candidates"]] == [one["label"] for one in line["candidates"]]
        assert {name: answer[name] for name in ("set", "rank", "ancestor", "unknown")} == {
            name: line[name] for name in ("set", "rank", "ancestor", "unknown")
        }


def test_concurrent_requests_get_the_same_answers_as_single_ones(client: httpx.Client, photos: list[Path]) -> None:
    alone = [client.post("/v1/predict", files=_files(path)).json()["answers"][0]["candidates"][0] for path in photos]
    with ThreadPoolExecutor(8) as pool:
        asked = list(pool.map(lambda path: client.post("/v1/predict", files=_files(path)), photos * 4))
    assert {each.status_code for each in asked} == {200}
    best = [each.json()["answers"][0]["candidates"][0] for each in asked]
    assert [one["label"] for one in best] == [one["label"] for one in alone] * 4


def test_one_specimen_gets_one_answer(client: httpx.Client, photos: list[Path]) -> None:
    (answer,) = client.post("/v1/predict?same_specimen=true", files=_files(*photos[:3])).json()["answers"]
    assert answer["photos"] == [path.name for path in photos[:3]]


def test_a_bad_photo_among_good_ones(client: httpx.Client, photos: list[Path]) -> None:
    given = client.post("/v1/predict", files=[*_files(photos[0]), *_bytes(photos[0].read_bytes()[:900])])
    assert given.status_code == 200
    good, bad = given.json()["answers"]
    assert good["candidates"]
    assert "odd.jpg is damaged or incomplete" in bad["error"]


@pytest.mark.parametrize("route", ["/v1/predict", "/v1/search", "/v1/explain"])
@pytest.mark.parametrize("content", [b"", b"no photo", b"\xff\xd8\xff\x00", b"%PDF-1.7", b"\x89PNG\r\n\x1a\nxx"])
def test_a_file_that_is_not_a_photo_is_a_client_error(client: httpx.Client, route: str, content: bytes) -> None:
    given = client.post(route, files=_bytes(content))
    assert given.status_code == 422
    assert given.json()["error"].startswith("odd.jpg ")


@pytest.mark.parametrize("route", ["/v1/search", "/v1/explain"])
def test_a_truncated_photo_is_a_client_error(client: httpx.Client, photos: list[Path], route: str) -> None:
    given = client.post(route, files=_bytes(photos[0].read_bytes()[:900]))
    assert given.status_code == 422
    assert "incomplete" in given.json()["error"]


def test_too_many_pixels(client: httpx.Client) -> None:
    stream = io.BytesIO()
    Image.new("L", (3000, 2000)).save(stream, "PNG")
    given = client.post("/v1/predict", files=_bytes(stream.getvalue(), "large.png"))
    assert given.status_code == 413
    assert given.json()["error"] == (
        "large.png has 3000 x 2000 = 6 million pixels, but the limit is 4 million: scale it down"
    )


def test_too_many_bytes_with_and_without_their_length(client: httpx.Client) -> None:
    sentence = "the request is larger than 3 MB: send fewer or smaller photos"
    told = client.post("/v1/predict", files=_bytes(bytes(3_100_000)))
    assert (told.status_code, told.json()["error"]) == (413, sentence)
    head = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'

    def chunks() -> Any:
        yield head
        for _ in range(40):
            yield bytes(100_000)

    untold = client.post("/v1/predict", content=chunks(), headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert (untold.status_code, untold.json()["error"]) == (413, sentence)


def test_too_many_photos(client: httpx.Client) -> None:
    given = client.post("/v1/predict", files=_bytes(b"x") * 21)
    assert given.status_code == 413
    assert given.json()["error"] == "a request can have at most 20 photos, got 21: send several requests"


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("?top_k=0", "'top_k' is not valid"),
        ("?coverage=2", "coverage"),
        ("?coverage=0.9999", "calibration photos"),
        ("?target_accuracy=-1", "target_accuracy"),
        ("?confidence=-1", "target_accuracy"),
    ],
)
def test_invalid_levels_are_a_client_error(client: httpx.Client, photos: list[Path], query: str, part: str) -> None:
    given = client.post(f"/v1/predict{query}", files=_files(photos[0]))
    assert given.status_code == 422
    assert part in given.json()["error"]


def test_no_photo_at_all(client: httpx.Client) -> None:
    given = client.post("/v1/predict")
    assert given.status_code == 422
    assert given.json()["error"].startswith("'photo' is not valid")


def test_search_finds_what_the_command_finds(client: httpx.Client, fitted: Path, photos: list[Path]) -> None:
    found = client.post("/v1/search?k=3", files=_files(photos[0])).json()["neighbours"]
    expected = nearest_photos(Recognizer(fitted), [photos[0]], 3)[0][0]
    assert [one["path"] for one in found] == [one.path for one in expected]
    assert set(found[0]) == {*asdict(expected[0]), "photo"}
    label = Recognizer(fitted).classes[2]
    assert {
        one["label"] for one in client.post(f"/v1/search?label={label}", files=_files(photos[0])).json()["neighbours"]
    } == {label}


def test_only_photos_of_the_gallery_have_thumbnails(client: httpx.Client, photos: list[Path], served: Any) -> None:
    one = client.post("/v1/search?k=1", files=_files(photos[0])).json()["neighbours"][0]
    shown = client.get(one["photo"])
    assert shown.headers["content-type"] == "image/jpeg"
    assert max(Image.open(io.BytesIO(shown.content)).size) <= 320
    for path in ("../model/fieldmark.json", str(served.model / "README.md"), "/etc/hostname", "", "x' OR '1'='1"):
        assert client.get("/v1/gallery/photo", params={"path": path}).status_code == 404


def test_explain_returns_the_evidence_of_the_library(client: httpx.Client, fitted: Path, photos: list[Path]) -> None:
    given = client.post("/v1/explain", files=_files(photos[0])).json()
    expected = Recognizer(fitted).explain(photos[0])
    assert given["evidence"]["label"] == expected.label
    assert given["evidence"]["against"] == expected.against
    assert given["evidence"]["margin"] == pytest.approx(expected.margin, abs=1e-4)
    assert given["contrast_overlay"].startswith("data:image/png;base64,")
    picture = client.post("/v1/explain?picture=contrast", files=_files(photos[0]))
    described = client.get("/openapi.json").json()["paths"]["/v1/explain"]["post"]["responses"]["200"]["content"]
    assert list(described) == ["application/json", picture.headers["Content-Type"]]
    overlay = Image.open(io.BytesIO(picture.content))
    assert (overlay.mode, overlay.size) == ("RGBA", Image.open(photos[0]).size)
    warm = np.array(overlay)[..., 3] * (np.array(overlay)[..., 0] > 0)  # the orange contains red, the blue does not
    row, column = np.unravel_index(warm.argmax(), warm.shape)
    x1, y1, x2, y2 = given["evidence"]["box"]
    assert x1 <= column + 0.5 <= x2  # the frame on the page surrounds the strongest evidence
    assert y1 <= row + 0.5 <= y2
    assert "unknown class" in client.post("/v1/explain?against=x", files=_files(photos[0])).json()["error"]


def test_enrolling_needs_the_token(client: httpx.Client, photos: list[Path]) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic b25seQ=="}):
        given = client.post("/v1/enroll", files=_files(photos[0]), data={"label": "new"}, headers=headers)
        assert given.status_code == 401
        assert given.json()["error"].startswith("That access token isn't valid")


def test_a_failed_enrolment_leaves_nothing_behind(client: httpx.Client, photos: list[Path], served: Any) -> None:
    headers, before = {"Authorization": f"Bearer {TOKEN}"}, client.get("/v1/model").json()["classes"]
    for label, files in ((before[0], _files(photos[0])), ("", _files(photos[0])), ("new", _bytes(b"none"))):
        given = client.post("/v1/enroll", files=files, data={"label": label}, headers=headers)
        assert given.status_code == 422
    assert client.get("/v1/model").json()["classes"] == before
    kept = served.model / "enrolled"
    assert not kept.exists() or not list(kept.iterdir())


def test_metrics_count_requests_and_photos(client: httpx.Client, photos: list[Path]) -> None:
    def answered() -> float:
        line = next(
            line
            for line in client.get("/metrics").text.splitlines()
            if line.startswith('fieldmark_requests_total{route="/v1/predict",status="200"}')
        )
        return float(line.split()[-1])

    client.post("/v1/predict", files=_files(photos[0]))
    before = answered()
    client.post("/v1/predict", files=_files(photos[0]))
    assert answered() == before + 1


def test_the_openapi_document_lists_every_route(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/predict", "/v1/explain", "/v1/search", "/v1/enroll", "/healthz", "/readyz", "/metrics"} <= set(paths)


def test_the_page_uses_no_other_host(client: httpx.Client) -> None:
    page = client.get("/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    linked = re.findall(r'(?:href|src)="(/[^"]+)"', page.text)
    assert {"/design/design.css", "/design/icon.svg", "/page/style.css", "/page/main.js"} <= set(linked)
    for path in (*linked, "/page/card.js"):
        assert client.get(path).status_code == 200
    assert "http" not in page.text.replace("<!doctype html>", "")


def test_a_missing_extra_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_NEEDED", ("fastapi", "no_such_library"))
    with pytest.raises(SettingError) as raised:
        run.demand_extra()
    assert str(raised.value) == (
        "fieldmark serve needs no_such_library, which is not installed: run pip install 'fieldmark[serve]'"
    )


def test_accepted_photos_are_answered_before_shutdown(fitted: Path, photos: list[Path]) -> None:
    """A photo waits one second for others, and the server gets the signal to stop meanwhile."""
    app = create_app(fitted, ServeSettings(max_wait=1.0, batch_size=64))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=60))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # connections wait until the server accepts them
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        with httpx.Client(base_url=url, timeout=120) as client, ThreadPoolExecutor(3) as pool:
            assert client.get("/v1/model").json()["enrolls"] is False
            refused = client.post("/v1/enroll", files=_files(photos[0]), data={"label": "new"})
            assert (refused.status_code, refused.json()["error"][:15]) == (403, "Changing the mo")
            asked = [pool.submit(client.post, "/v1/predict", files=_files(path)) for path in photos[:3]]
            while app.state.service.batcher.accepted < 3:
                time.sleep(0.01)
            server.should_exit = True
            assert [each.result(120).status_code for each in asked] == [200, 200, 200]
        thread.join(60)
    assert not thread.is_alive()
    assert not app.state.service.ready
