"""HEIC, AVIF and JPEG 2000 are photos like any other."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.photos.photo_files import PHOTO_ENDINGS
from fieldmark.data.quality.photo_facts import inspect_photos
from fieldmark.data.read import read
from fieldmark.errors import PhotoError

HEIC = Path(__file__).with_name("files") / "blobs.heic"
"""`blobs` as a HEIC photo with EXIF orientation 6."""


def blobs() -> Image.Image:
    rng = np.random.default_rng(7)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return small.resize((64, 48), Image.Resampling.BICUBIC)


def test_heic_is_read_upright() -> None:
    pytest.importorskip("pi_heif", reason="needs the extra heic")
    photo = np.asarray(open_photo(HEIC), dtype=int)
    assert np.abs(photo - np.rot90(np.asarray(blobs()), -1)).mean() < 8
    (facts,) = inspect_photos([HEIC])
    assert (facts.problems, facts.width, facts.height) == ((), 48, 64)


def test_damaged_heic_is_one_sentence() -> None:
    pytest.importorskip("pi_heif", reason="needs the extra heic")
    for length in (40, 400, 1500):
        with pytest.raises(PhotoError, match=r"damaged.*: copy it again from its source or remove it"):
            open_photo(HEIC.read_bytes()[:length])


def test_heic_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(PhotoError) as caught:
        open_photo(HEIC)
    assert str(caught.value) == f"{HEIC}: HEIC photos need the `heic` extra: pip install 'fieldmark[heic]'"
    (facts,) = inspect_photos([HEIC])
    assert facts.reason == str(caught.value)


@pytest.mark.parametrize("format_name", PHOTO_ENDINGS)
def test_every_listed_format_is_read_from_a_folder(tmp_path: Path, format_name: str) -> None:
    if format_name == "HEIF":
        pytest.importorskip("pi_heif", reason="needs the extra heic")
    for name, seed in (("gull", 0), ("tern", 1)):
        (tmp_path / name).mkdir()
        for ending in PHOTO_ENDINGS[format_name]:
            path = tmp_path / name / f"{seed}{ending}"
            if format_name == "HEIF":
                path.write_bytes(HEIC.read_bytes())
            else:
                blobs().save(path, format_name)
    records = read(tmp_path)
    assert len(records) == 2 * len(PHOTO_ENDINGS[format_name])
    for record in records:
        assert open_photo(record.path).mode == "RGB"
    assert {facts.problems for facts in inspect_photos(records.paths)} == {()}
