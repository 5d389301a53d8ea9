"""A class enrolled over HTTP can be removed over HTTP, with its photos."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from fieldmark.recognizer.enroll import enroll
from fieldmark.serve.settings import ServeSettings
from live_server import live_server

TOKEN = "only-for-tests"
ALLOWED = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def model(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(fitted, tmp_path_factory.mktemp("unenrol") / "model"))


@pytest.fixture(scope="module")
def client(model: Path) -> Iterator[httpx.Client]:
    pytest.importorskip("fastapi", reason="needs the extra: pip install 'fieldmark[serve]'")
    from fieldmark.serve.app import create_app

    with (
        live_server(create_app(model, ServeSettings(token=TOKEN))) as url,
        httpx.Client(base_url=url, timeout=120) as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
def photos(birds: Path) -> list[Path]:
    return sorted(birds.rglob("*.jpg"))[::12]


def _files(*paths: Path) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("photo", (path.name, path.read_bytes(), "image/jpeg")) for path in paths]


def _enrol(client: httpx.Client, label: str, *paths: Path) -> None:
    given = client.post("/v1/enroll", files=_files(*paths), data={"label": label}, headers=ALLOWED)
    assert given.status_code == 200, given.text


def _uploads(model: Path) -> int:
    return len(list((model / "enrolled").iterdir()))


def test_the_old_answers_return_and_the_photos_are_removed(
    client: httpx.Client, model: Path, photos: list[Path]
) -> None:
    before = client.post("/v1/predict", files=_files(*photos)).json()
    _enrol(client, "A / new, 新", *photos[:2])
    _enrol(client, "stays", photos[1])
    assert _uploads(model) == 2
    given = client.delete(f"/v1/enroll/{quote('A / new, 新', safe='')}", headers=ALLOWED)
    assert (given.status_code, given.json()) == (200, {"label": "A / new, 新", "enrolled": ["stays"]})
    assert _uploads(model) == 1  # the other class was enrolled from this photo too
    assert client.delete("/v1/enroll/stays", headers=ALLOWED).json() == {"label": "stays", "enrolled": []}
    assert _uploads(model) == 0
    assert client.post("/v1/predict", files=_files(*photos)).json() == before
    found = client.post("/v1/search?k=100", files=_files(photos[0])).json()["neighbours"]
    assert "enrolled" not in {one["split"] for one in found}


def test_photos_that_the_command_line_enrolled_are_not_removed(
    client: httpx.Client, model: Path, photos: list[Path], tmp_path: Path
) -> None:
    """The server did not know of that class before."""
    own = Path(shutil.copy(photos[3], tmp_path / "own.jpg"))
    enroll(model, "by hand", [own])
    assert client.delete("/v1/enroll/by%20hand", headers=ALLOWED).json()["enrolled"] == []
    assert own.exists()


def test_unenrolling_needs_the_token_and_an_enrolled_class(client: httpx.Client) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        given = client.delete("/v1/enroll/new", headers=headers)
        assert given.status_code == 401
        assert given.json()["error"].startswith("That access token isn't valid")
    absent = client.delete("/v1/enroll/new", headers=ALLOWED)
    assert (absent.status_code, absent.json()["error"]) == (
        404,
        "no enrolled class is named 'new': GET /v1/model lists the enrolled classes",
    )
    trained = client.get("/v1/model").json()["classes"][0]
    refused = client.delete(f"/v1/enroll/{quote(trained)}", headers=ALLOWED)
    assert refused.status_code == 422
    assert "was trained, not enrolled" in refused.json()["error"]
