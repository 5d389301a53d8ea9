"""Opening and checking agree on which photos of a messy corpus can be read, and no library prints about the others.

``make fuzz`` takes 2,000 files; a run of the tests takes the first 300.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.quality.photo_facts import inspect_photos
from fieldmark.errors import PhotoError
from photo_corpus import write_corpus

COUNT = int(os.environ.get("FIELDMARK_FUZZ", "300"))
Corpus = dict[Path, str | None]
pytestmark = [
    pytest.mark.fuzz,
    pytest.mark.filterwarnings("ignore:::PIL"),
]  # pytest takes away the filter of the package


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Why each file cannot be opened; None where it can."""
    reasons: Corpus = {}
    for path in write_corpus([tmp_path_factory.mktemp("corpus")], COUNT):
        try:
            photo = open_photo(path)
            assert (photo.mode, min(photo.size) > 0) == ("RGB", True)
            reasons[path] = None
        except PhotoError as error:
            reasons[path] = str(error)
    return reasons


def bad_ones(reasons: Corpus) -> set[Path]:
    return {path for path, reason in reasons.items() if reason is not None}


def test_the_corpus_has_good_and_bad_photos(corpus: Corpus) -> None:
    assert len(corpus) == COUNT
    assert 0.2 * COUNT < len(bad_ones(corpus)) < 0.8 * COUNT


def test_check_agrees(corpus: Corpus, capfd: pytest.CaptureFixture[str]) -> None:
    facts = inspect_photos(list(corpus))
    assert {photo.path for photo in facts if not photo.usable} == bad_ones(corpus)
    assert capfd.readouterr().err == ""
