"""A server follows changes of its model without a failed request, and goes on answering when the model is gone."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fieldmark.artifact.history import rollback
from fieldmark.recognizer.enroll import enroll
from fieldmark.serve.settings import ServeSettings


def _wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "the server did not notice"
        time.sleep(0.2)


def test_it_answers_from_each_new_generation_without_a_failed_request(model_copy: Path, birds: Path) -> None:
    pytest.importorskip("fastapi", reason="needs the extra: pip install 'fieldmark[serve]'")
    from fastapi.testclient import TestClient

    from fieldmark.serve.app import create_app

    photos = sorted(birds.rglob("*.jpg"))[::24]
    content = photos[0].read_bytes()
    codes: set[int] = set()
    stopped = threading.Event()
    with TestClient(create_app(model_copy, ServeSettings())) as client:

        def ask() -> None:
            while not stopped.is_set():
                codes.add(client.post("/v1/predict", files={"photo": content}).status_code)

        def enrolled() -> list[str]:
            return list(client.get("/v1/model").json()["enrolled"])

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        before = client.post("/v1/predict", files={"photo": content}).json()
        enroll(model_copy, "new", photos[:2])
        _wait(lambda: enrolled() == ["new"])
        rollback(model_copy)
        _wait(lambda: enrolled() == [])
        assert client.post("/v1/predict", files={"photo": content}).json() == before
        shutil.rmtree(model_copy)
        _wait(lambda: client.get("/readyz").text != "ready\n")
        gone = client.get("/readyz")
        assert (gone.status_code, gone.text) == (
            200,
            "ready: answering from generation 3, because the model on disk is gone\n",
        )
        assert client.post("/v1/predict", files={"photo": content}).json() == before
        stopped.set()
        asking.join()
    assert codes == {200}


def test_it_keeps_its_generation_while_the_model_on_disk_is_damaged(model_copy: Path, birds: Path) -> None:
    pytest.importorskip("fastapi", reason="needs the extra: pip install 'fieldmark[serve]'")
    from fastapi.testclient import TestClient

    from fieldmark.serve.app import create_app

    whole = (model_copy / "fieldmark.json").read_text(encoding="utf-8")
    with TestClient(create_app(model_copy, ServeSettings())) as client:
        (model_copy / "fieldmark.json").write_text("{")
        _wait(lambda: client.get("/readyz").text != "ready\n")
        assert "the model on disk cannot be loaded" in client.get("/readyz").text
        photo = next(birds.rglob("*.jpg")).read_bytes()
        assert client.post("/v1/predict", files={"photo": photo}).status_code == 200
        (model_copy / "fieldmark.json").write_text(whole, encoding="utf-8")
        _wait(lambda: client.get("/readyz").text == "ready\n")
