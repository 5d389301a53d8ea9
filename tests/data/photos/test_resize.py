"""Photos are resized by Pillow's arithmetic, rows before columns whatever the version of Pillow prefers."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fieldmark.data.photos.resize import resize
from fieldmark.structures import Box

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def noise(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(width * height)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def two_passes(image: Image.Image, size: tuple[int, int], interpolation: str, box: Box) -> Image.Image:
    """The whole image in one direction, then in the other one: Pillow has no order to choose."""
    x1, y1, x2, y2 = box
    narrow = image.resize((size[0], image.height), FILTERS[interpolation], (x1, 0, x2, image.height))
    return narrow.resize(size, FILTERS[interpolation], (0, y1, size[0], y2))


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize(("width", "height"), [(90, 60), (60, 90), (64, 64), (50, 160), (90, 61), (40, 41), (30, 20)])
def test_the_horizontal_pass_comes_first(width: int, height: int, interpolation: str) -> None:
    image, side = noise(width, height), min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    for box in ((left, top, left + side, top + side), (0.0, 0.0, float(width), float(height))):
        found = np.asarray(resize(image, (36, 36), interpolation, box), dtype=int)
        expected = np.asarray(two_passes(image, (36, 36), interpolation, box), dtype=int)
        if max(box[2] - box[0], box[3] - box[1]) < 4 * 36:  # otherwise blocks are averaged first
            np.testing.assert_array_equal(found, expected)
        else:
            assert np.abs(found - expected).mean() < 6


@pytest.mark.parametrize("interpolation", FILTERS)
@pytest.mark.parametrize(("width", "height"), [(333, 250), (700, 300), (1100, 900)])
def test_wide_photos_are_those_of_one_call(width: int, height: int, interpolation: str) -> None:
    image = noise(width, height)
    left = (width - height) / 2
    box = (left, 0.0, left + height, float(height))
    expected = image.resize((48, 48), FILTERS[interpolation], box, reducing_gap=2.0)
    np.testing.assert_array_equal(resize(image, (48, 48), interpolation, box), expected)
    assert resize(image, (20, 30), interpolation).size == (20, 30)
