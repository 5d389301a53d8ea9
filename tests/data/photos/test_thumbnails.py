"""Pictures for pages: as small as asked, and of the right piece of the photo."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldmark.data.photos.thumbnails import Allowance, Thumbnail, close_up, data_uri, thumbnail
from fieldmark.structures import Record


def _decoded(picture: Thumbnail) -> Image.Image:
    head, payload = picture.uri.split(",")
    assert head == "data:image/jpeg;base64"
    return Image.open(BytesIO(base64.b64decode(payload)))


@pytest.fixture
def noise() -> Image.Image:
    """What JPEG compresses worst."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8))


@pytest.mark.parametrize("limit", [1500, 6000, 40_000])
def test_it_keeps_to_its_bytes_and_its_side(noise: Image.Image, limit: int) -> None:
    picture = data_uri(noise, 200, limit)
    assert len(picture.uri) <= limit
    assert max(picture.width, picture.height) <= 200
    assert picture.width / picture.height == pytest.approx(4 / 3, rel=0.1)
    assert _decoded(picture).size == (picture.width, picture.height)


def test_what_cannot_be_kept_ends_at_16_pixels(noise: Image.Image) -> None:
    assert max(_decoded(data_uri(noise, 200, 10)).size) == 16


def test_a_small_photo_keeps_its_size(noise: Image.Image) -> None:
    assert data_uri(noise.crop((0, 0, 50, 40)), 200, 40_000).width == 50


def test_the_close_up_shows_its_box(tmp_path: Path) -> None:
    pixels = np.full((200, 300, 3), 255, dtype=np.uint8)
    pixels[40:80, 220:260] = (200, 30, 30)
    Image.fromarray(pixels).save(tmp_path / "patch.png")
    picture = close_up(Record(tmp_path / "patch.png", 0), (220, 40, 260, 80), 60, 40_000, context=1.0)
    assert picture is not None
    assert np.abs(np.asarray(_decoded(picture), dtype=float) - (200, 30, 30)).mean() < 8


def test_a_box_at_the_border_and_one_that_is_too_large(tmp_path: Path) -> None:
    Image.new("RGB", (120, 80), "green").save(tmp_path / "photo.png")
    record = Record(tmp_path / "photo.png", 0)
    corner = close_up(record, (100, 0, 120, 20), 100, 40_000)
    whole = close_up(record, (0, 0, 120, 80), 200, 40_000)
    assert corner is not None
    assert (corner.width, corner.height) == (25, 25)
    assert whole is not None
    assert (whole.width, whole.height) == (120, 80)


def test_a_photo_that_cannot_be_read_has_no_picture(tmp_path: Path) -> None:
    assert thumbnail(Record(tmp_path / "gone.jpg", 0), 100, 1000) is None
    assert close_up(Record(tmp_path / "gone.jpg", 0), (0, 0, 1, 1), 100, 1000) is None


def test_an_allowance_is_shared_out() -> None:
    assert Allowance(1000, 3).each * 3 <= 1000
    assert Allowance(1000, 0).each == 1000
