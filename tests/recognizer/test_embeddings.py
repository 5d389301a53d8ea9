"""Embeddings of photos, for galleries and retrieval."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fieldmark import Recognizer


@pytest.fixture(scope="module")
def recognizer(fitted: Path) -> Recognizer:
    return Recognizer(fitted)


def test_rows_are_of_unit_length_in_the_order_of_the_photos(recognizer: Recognizer, birds: Path) -> None:
    photos = sorted(birds.rglob("*.jpg"))[::12]
    found = recognizer.embeddings(photos)
    assert found.vectors.dtype == np.float32
    assert len(found.vectors) == len(photos)
    assert not found.errors
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(recognizer.embeddings(photos[3:4]).vectors[0], found.vectors[3], atol=1e-5)


def test_a_photo_that_cannot_be_read_is_named(recognizer: Recognizer, birds: Path, tmp_path: Path) -> None:
    good = next(birds.rglob("*.jpg"))
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no photo")
    found = recognizer.embeddings([bad, good])
    assert list(found.errors) == [0]
    assert np.isnan(found.vectors[0]).all()
    assert np.isfinite(found.vectors[1]).all()
    assert recognizer.embeddings([bad]).vectors.shape == (1, 0)
    assert recognizer.embeddings([]).vectors.shape == (0, 0)
