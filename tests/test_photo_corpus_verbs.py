"""All verbs and the server agree on which photos of a messy corpus can be read, and no library prints about the others.

``make fuzz`` takes 2,000 files; a run of the tests takes the first 120.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fieldmark import Recognizer, read
from fieldmark.artifact.load import load_manifest
from fieldmark.data.photos.open_photo import open_photo
from fieldmark.errors import PhotoError
from photo_corpus import write_corpus

COUNT = int(os.environ.get("FIELDMARK_FUZZ", "120"))
UPLOADS = 20
Corpus = tuple[Path, dict[Path, str | None]]
pytestmark = [
    pytest.mark.fuzz,
    pytest.mark.filterwarnings("ignore:::PIL"),
]  # pytest takes away the filter of the package


@pytest.fixture(scope="module")
def corpus(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A folder with a folder for each class of `fitted`, and why each file cannot be opened; None where it can."""
    root = tmp_path_factory.mktemp("corpus")
    folders = [root / name for name in load_manifest(fitted).classes]
    for folder in folders:
        folder.mkdir()
    reasons: dict[Path, str | None] = {}
    for path in write_corpus(folders, COUNT):
        try:
            photo = open_photo(path)
            assert (photo.mode, min(photo.size) > 0) == ("RGB", True)
            reasons[path] = None
        except PhotoError as error:
            reasons[path] = str(error)
    return root, reasons


def bad_ones(reasons: dict[Path, str | None]) -> set[Path]:
    return {path for path, reason in reasons.items() if reason is not None}


def test_predict_evaluate_and_explain_agree(corpus: Corpus, fitted: Path, capfd: pytest.CaptureFixture[str]) -> None:
    root, reasons = corpus
    recognizer = Recognizer(fitted)
    paths = list(reasons)
    answers = recognizer.predict(paths)
    assert {path for path, answer in zip(paths, answers, strict=True) if answer.error} == bad_ones(reasons)
    evaluation = recognizer.evaluate(root)
    assert {evaluation.records[index].path for index in evaluation.scores.errors} == bad_ones(reasons)
    for path in paths[:: max(1, COUNT // 12)]:
        try:
            recognizer.explain(path)
        except PhotoError:
            assert path in bad_ones(reasons)
        else:
            assert path not in bad_ones(reasons)
    assert capfd.readouterr().err == ""


def test_fit_leaves_out_the_bad_ones(corpus: Corpus, tmp_path: Path, command: Callable[..., Any]) -> None:
    root, reasons = corpus
    fitted = command("fit", root, "--out", tmp_path / "model", "--method", "linear_probe", "--image-size", 32)
    assert fitted.code == 0
    facts = load_manifest(tmp_path / "model").data
    assert facts.left_out == len(bad_ones(reasons))
    assert sum(facts.photos.values()) == len(read(root)) - facts.left_out
    for word in ("Warning", "TIFF", "JPEGLib", "Traceback"):
        assert word not in fitted.err


def test_the_server_agrees(corpus: Corpus, fitted: Path) -> None:
    pytest.importorskip("fastapi", reason="needs the extra: pip install 'fieldmark[serve]'")
    from starlette.testclient import TestClient

    from fieldmark.serve.app import create_app
    from fieldmark.serve.settings import ServeSettings

    _, reasons = corpus
    paths = list(reasons)
    failed = set()
    with TestClient(create_app(fitted, ServeSettings()), base_url="http://127.0.0.1") as client:
        for start in range(0, len(paths), UPLOADS):
            part = paths[start : start + UPLOADS]
            files = [("photo", (f"{index}.jpg", path.read_bytes(), "image/jpeg")) for index, path in enumerate(part)]
            response = client.post("/v1/predict", files=files)
            assert response.status_code == 200, response.text
            answers = response.json()["answers"]
            failed |= {path for path, answer in zip(part, answers, strict=True) if answer.get("error")}
    assert failed == bad_ones(reasons)
