"""Shuffled patches: no pixel is lost, patches stay whole, each photo has its own order."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fieldmark.layers.regions.jigsaw import jigsaw


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def numbered(batch: int, height: int, width: int) -> Tensor:
    """Every pixel of every channel has a number of its own."""
    return torch.arange(batch * 3 * height * width, dtype=torch.float32).reshape(batch, 3, height, width)


@pytest.mark.parametrize("count", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [(32, 32), (45, 37), (8, 19), (3, 5)])
def test_a_permutation_of_the_pixels_of_each_channel(count: int, size: tuple[int, int]) -> None:
    images = numbered(3, *size)
    shuffled = jigsaw(images, count)
    assert torch.equal(shuffled.flatten(2).sort(2).values, images.flatten(2))


@pytest.mark.parametrize("size", [(32, 32), (35, 41)])
def test_each_patch_is_one_of_the_photos_own(size: tuple[int, int]) -> None:
    count, height, width = 4, size[0] // 4, size[1] // 4
    images = numbered(2, *size)
    shuffled = jigsaw(images, count)
    for image, result in zip(images, shuffled, strict=True):
        patches, found = (
            {
                tuple(one[:, i * height : (i + 1) * height, j * width : (j + 1) * width].flatten().tolist())
                for i in range(count)
                for j in range(count)
            }
            for one in (image, result)
        )
        assert patches == found
        assert not torch.equal(image, result)


def test_what_remains_of_a_side_stays() -> None:
    images = numbered(2, 35, 41)
    shuffled = jigsaw(images, 4)
    assert torch.equal(shuffled[:, :, 32:], images[:, :, 32:])
    assert torch.equal(shuffled[..., 40:], images[..., 40:])


def test_one_patch_and_patches_smaller_than_a_pixel_change_nothing() -> None:
    images = numbered(2, 6, 6)
    assert torch.equal(jigsaw(images, 1), images)
    assert torch.equal(jigsaw(images, 8), images)


def test_each_photo_has_an_order_of_its_own() -> None:
    images = numbered(1, 32, 32).repeat(2, 1, 1, 1)
    first, second = jigsaw(images, 8)
    assert not torch.equal(first, second)


def test_the_photos_themselves_stay() -> None:
    images = numbered(2, 8, 8)
    before = images.clone()
    jigsaw(images, 2)
    assert torch.equal(images, before)
