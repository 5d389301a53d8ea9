"""Thumbnails of known photos: only of photos in the folder of the photos or in the model folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fieldmark.artifact.gallery import GalleryRow
from fieldmark.artifact.generations import changing
from fieldmark.recognizer.enroll import enroll
from fieldmark.recognizer.predictor import Predictor
from fieldmark.serve.settings import ServeSettings


def test_a_gallery_shows_no_photo_that_lies_elsewhere(model_copy: Path, birds: Path, tmp_path: Path) -> None:
    """A stranger's model may name any file of the server's computer."""
    pytest.importorskip("fastapi", reason="needs the extra: pip install 'fieldmark[serve]'")
    from fastapi.testclient import TestClient

    from fieldmark.serve.app import create_app

    known = sorted(birds.rglob("*.jpg"))[0]
    private = Path(shutil.copy(known, tmp_path / "private.jpg"))
    (model_copy / "enrolled").mkdir()
    kept = Path(shutil.copy(known, model_copy / "enrolled" / "kept.jpg"))
    with changing(model_copy) as change:
        held = Predictor(model_copy)
        rows = [GalleryRow(private.as_posix(), held.classes[0], "train")]
        gallery = held.gallery.add(rows, np.ones((1, held.open_set.state.projection.dim), dtype=np.float32))
        change.commit(held.manifest.model_copy(update={"gallery": gallery}), "a stranger's gallery")
    enroll(model_copy, "elsewhere", [private])
    enroll(model_copy, "inside", [kept])
    enrolled = {row.label: row.path for row in Predictor(model_copy).gallery.rows() if row.split == "enrolled"}
    assert enrolled == {"elsewhere": "enrolled/private.jpg", "inside": "enrolled/kept.jpg"}
    with TestClient(create_app(model_copy, ServeSettings())) as client:
        refused = client.get("/v1/gallery/photo", params={"path": private.as_posix()})
        assert refused.status_code == 404
        text = "the gallery's photo does not lie in the folder of the photos, and is not shown"
        assert text in refused.text
        assert client.get("/v1/gallery/photo", params={"path": "enrolled/private.jpg"}).status_code == 404
        for shown in ("enrolled/kept.jpg", known.relative_to(birds).as_posix()):
            assert client.get("/v1/gallery/photo", params={"path": shown}).headers["content-type"] == "image/jpeg"
