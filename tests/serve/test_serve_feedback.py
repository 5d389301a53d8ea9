"""Answers are corrected over HTTP: the list, the photo, and the way back."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="needs the extra: pip install 'fieldmark[serve]'")
from fastapi.testclient import TestClient

from fieldmark.artifact.load import load_manifest
from fieldmark.recognizer.feedback import remove_feedback
from fieldmark.serve.app import create_app
from fieldmark.serve.settings import ServeSettings

TOKEN = "only-for-tests"
ALLOWED = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def model(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(fitted, tmp_path_factory.mktemp("feedback") / "model"))


@pytest.fixture(scope="module")
def client(model: Path) -> Iterator[TestClient]:
    with TestClient(create_app(model, ServeSettings(token=TOKEN))) as opened:
        yield opened


@pytest.fixture(scope="module")
def photos(birds: Path) -> list[Path]:
    return sorted(birds.rglob("*.jpg"))[::12]


def _correct(client: TestClient, photo: Path | bytes, label: str, headers: dict[str, str] = ALLOWED):  # type: ignore[no-untyped-def]
    name, content = ("a.jpg", photo) if isinstance(photo, bytes) else (photo.name, photo.read_bytes())
    return client.post("/v1/feedback", files={"photo": (name, content)}, data={"label": label}, headers=headers)


def test_correct_list_and_undo(client: TestClient, model: Path, photos: list[Path]) -> None:
    answers = client.post("/v1/predict", files={"photo": photos[0].read_bytes()}).json()["answers"]
    first = _correct(client, photos[0], "Rook").json()
    assert (first["correction"]["label"], first["replaced"], first["corrections"]) == ("Rook", None, 1)
    assert first["correction"]["answer"] == answers[0]["candidates"][0]["label"]
    assert first["correction"]["name"] == photos[0].name
    assert first["correction"]["new_class"] is True
    again = _correct(client, photos[0], "Jay").json()
    assert (again["replaced"], again["corrections"]) == ("Rook", 1)
    second = _correct(client, photos[1], "rook").json()
    assert client.get("/v1/model").json()["corrections"] == 2
    listed = client.get("/v1/feedback", headers=ALLOWED).json()["feedback"]
    assert [one["id"] for one in listed] == [second["correction"]["id"], again["correction"]["id"]]
    shown = client.get("/v1/feedback/photo", params={"id": listed[0]["id"]}, headers=ALLOWED)
    assert shown.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(shown.content)).size == Image.open(photos[1]).size
    rest = client.delete("/v1/feedback", params={"id": listed[0]["id"]}, headers=ALLOWED).json()["feedback"]
    assert [one["id"] for one in rest] == [again["correction"]["id"]]
    assert [one.label for one in load_manifest(model).feedback] == ["Jay"]
    assert client.post("/v1/predict", files={"photo": photos[0].read_bytes()}).json()["answers"] == answers
    remove_feedback(model)
    gone = client.delete("/v1/feedback", params={"id": listed[1]["id"]}, headers=ALLOWED)
    assert gone.status_code == 404  # the command line removed it


def test_feedback_needs_the_token(client: TestClient, fitted: Path, photos: list[Path]) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        given = [
            _correct(client, photos[0], "Rook", headers),
            client.get("/v1/feedback", headers=headers),
            client.get("/v1/feedback/photo?id=0123", headers=headers),
            client.delete("/v1/feedback?id=0123", headers=headers),
        ]
        assert [one.status_code for one in given] == [401] * 4
        assert all(one.json()["error"].startswith("That access token isn't valid") for one in given)
    with TestClient(create_app(fitted, ServeSettings())) as without:
        refused = _correct(without, photos[0], "Rook")
        assert refused.status_code == 403
        assert refused.json()["error"] == (
            "Changing the model is off on this server. Start it with --token to allow it."
        )


def test_what_cannot_be_used_is_refused_in_a_sentence(client: TestClient, photos: list[Path]) -> None:
    assert _correct(client, photos[0], "a\u202eb").status_code == 422
    assert _correct(client, photos[0], " ").json()["error"].startswith("expected a name for the new class")
    assert _correct(client, b"no photo", "Rook").status_code == 422
    two = [("photo", photo.read_bytes()) for photo in photos[:2]]
    several = client.post("/v1/feedback", files=two, data={"label": "Rook"}, headers=ALLOWED)
    assert several.json()["error"] == "expected one photo, but got 2: send one request for each"
    absent = client.get("/v1/feedback/photo?id=0123456789abcdef", headers=ALLOWED)
    assert (absent.status_code, absent.json()["error"]) == (
        404,
        "no correction has the id '0123456789abcdef': GET /v1/feedback lists them",
    )
    assert client.get("/v1/feedback", headers=ALLOWED).json() == {"feedback": []}


def test_an_exported_file_cannot_be_corrected(fitted: Path, photos: list[Path], tmp_path: Path) -> None:
    from fieldmark import load

    exported = load(fitted).export(tmp_path / "model.onnx")
    with TestClient(create_app(exported.path, ServeSettings(token=TOKEN))) as opened:
        assert _correct(opened, photos[0], "Rook").status_code == 409
        assert opened.get("/v1/feedback", headers=ALLOWED).status_code == 409
