"""Thumbnails of known photos: only of photos in the folder of the photos or in the model folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fieldmark.recognizer.enroll import enroll
from fieldmark.serve.settings import ServeSettings


def test_a_gallery_shows_no_photo_that_lies_elsewhere(model_copy: Path, birds: Path, tmp_path: Path) -> None:
    """A stranger's model may name any file of the server's computer."""
    pytest.importorskip("fastapi", reason="needs the extra: pip install 'fieldmark[serve]'")
    from fastapi.testclient import TestClient

    from fieldmark.serve.app import create_app

    known = sorted(birds.rglob("*.jpg"))[0]
    private = Path(shutil.copy(known, tmp_path / "private.jpg"))
    kept = Path(shutil.copy(known, model_copy / "kept.jpg"))
    enroll(model_copy, "elsewhere", [private])
    enroll(model_copy, "inside", [kept])
    with TestClient(create_app(model_copy, ServeSettings())) as client:
        refused = client.get("/v1/gallery/photo", params={"path": private.as_posix()})
        assert refused.status_code == 404
        text = "the gallery's photo does not lie in the folder of the photos, and is not shown"
        assert text in refused.text
        for shown in (kept.as_posix(), known.relative_to(birds).as_posix()):
            assert client.get("/v1/gallery/photo", params={"path": shown}).headers["content-type"] == "image/jpeg"
