"""Looks at one photo: what each shows, and that the first is what one look alone sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.photos.preprocess import Preprocess, Resize, load_array
from fieldmark.data.photos.views import VIEWS, draft_side, photo_views, view_side
from fieldmark.structures import Record


@pytest.fixture
def photo() -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((320, 240), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("views", VIEWS)
def test_shape_and_first_view(views: int, photo: Image.Image) -> None:
    preprocess = Preprocess(56)
    stack = photo_views(photo, preprocess, views)
    assert stack.shape == (views, 56, 56, 3)
    assert stack.dtype == np.uint8
    np.testing.assert_array_equal(stack[0], preprocess(photo))


@pytest.mark.parametrize("views", [2, 10])
def test_every_second_view_is_the_mirror_image_of_the_one_before(views: int, photo: Image.Image) -> None:
    stack = photo_views(photo, Preprocess(56), views)
    np.testing.assert_array_equal(stack[1::2], stack[::2, :, ::-1])


def test_ten_views_are_the_five_and_their_mirror_images(photo: Image.Image) -> None:
    np.testing.assert_array_equal(photo_views(photo, Preprocess(56), 10)[::2], photo_views(photo, Preprocess(56), 5))


@pytest.mark.parametrize("resize", ["crop", "squash", "pad"])
def test_the_corners_are_those_of_the_whole_square(resize: Resize, photo: Image.Image) -> None:
    whole = Preprocess(64, resize)(photo)
    corners = photo_views(photo, Preprocess(56, resize), 5)[1:]
    expected = [whole[:56, :56], whole[:56, 8:], whole[8:, :56], whole[8:, 8:]]
    np.testing.assert_array_equal(corners, np.stack(expected))


def test_the_side_of_the_whole_square() -> None:
    assert [view_side(Preprocess(224), views) for views in VIEWS] == [224, 224, 256, 256]


@pytest.mark.parametrize("views", VIEWS)
def test_a_large_jpeg_is_decoded_large_enough_for_the_corners(views: int, photo: Image.Image, tmp_path: Path) -> None:
    file = tmp_path / "large.jpg"
    photo.resize((1280, 960), Image.Resampling.BICUBIC).save(file, quality=95)
    side = draft_side(Preprocess(224), views)
    loaded = photo_views(open_photo(file, draft=(side, side)), Preprocess(224), views)
    with Image.open(file) as image:
        exact = photo_views(image.convert("RGB"), Preprocess(224), views)
    assert np.abs(loaded.astype(int) - exact).mean() < 2
    if views == 1:
        np.testing.assert_array_equal(loaded[0], load_array(Record(file, 0), Preprocess(224)))
