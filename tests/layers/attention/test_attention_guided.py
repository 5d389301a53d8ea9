"""Boxes, crops and erasures by attention: loops as oracles, and what they promise of the strongest place."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from fieldmark.layers.attention.guided_views import (
    attention_box,
    choose_maps,
    crop_and_resize,
    drop_attended,
    map_probabilities,
)

SIZE = (24, 32)


@pytest.fixture
def attention() -> Tensor:
    """Ten maps of a few bumps each."""
    return torch.rand(10, 4, 4, generator=torch.Generator().manual_seed(0)).pow(4)


def fine(attention: Tensor) -> Tensor:
    return F.interpolate(attention[:, None], size=SIZE, mode="bilinear", align_corners=False)[:, 0]


@pytest.mark.parametrize("share", [0.1, 0.4, 0.6, 0.99])
def test_a_box_holds_just_the_pixels_above_the_threshold(attention: Tensor, share: float) -> None:
    boxes = attention_box(attention, SIZE, torch.full((10,), share), padding=0.0)
    for one, box in zip(fine(attention), boxes, strict=True):
        above = [(i, j) for i in range(24) for j in range(32) if one[i, j] >= share * one.max()]
        rows, columns = zip(*above, strict=True)
        assert box.tolist() == [min(columns), min(rows), max(columns) + 1, max(rows) + 1]


@pytest.mark.parametrize("padding", [0.0, 0.1])
def test_a_box_covers_the_strongest_pixel(attention: Tensor, padding: float) -> None:
    boxes = attention_box(attention, SIZE, torch.linspace(0.0, 1.0, 10), padding)
    for one, (x1, y1, x2, y2) in zip(fine(attention), boxes.tolist(), strict=True):
        row, column = divmod(int(one.argmax()), 32)
        assert 0 <= x1 <= column < x2 <= 32
        assert 0 <= y1 <= row < y2 <= 24


def test_padding_widens_a_box_as_far_as_the_photo_reaches(attention: Tensor) -> None:
    share = torch.full((10,), 0.5)
    tight, wide = (attention_box(attention, SIZE, share, padding) for padding in (0.0, 0.1))
    by = torch.tensor([3.2, 2.4])
    torch.testing.assert_close(wide[:, :2], (tight[:, :2] - by).clamp_min(0))
    torch.testing.assert_close(wide[:, 2:], torch.minimum(tight[:, 2:] + by, torch.tensor([32.0, 24.0])))


def test_no_attention_shows_the_whole_photo() -> None:
    box = attention_box(torch.zeros(1, 4, 4), SIZE, torch.tensor([0.5]), 0.1)
    assert box.tolist() == [[0, 0, 32, 24]]


def test_the_whole_box_gives_the_photo_back() -> None:
    images = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([[0.0, 0.0, 32.0, 24.0]]).expand(2, -1)
    torch.testing.assert_close(crop_and_resize(images, boxes), images)


def test_a_crop_shows_what_lies_in_its_box() -> None:
    """A photo whose pixels hold their own coordinates tells where each pixel of the crop was taken."""
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(32.0), indexing="ij")
    images = torch.stack([columns, rows, torch.zeros(SIZE)])[None].expand(2, -1, -1, -1)
    boxes = torch.tensor([[4.0, 6.0, 20.0, 18.0], [2.0, 2.0, 10.0, 5.0]])
    for crop, (x1, y1, x2, y2) in zip(crop_and_resize(images, boxes), boxes.tolist(), strict=True):
        across = torch.tensor([x1 + (j + 0.5) / 32 * (x2 - x1) - 0.5 for j in range(32)])
        down = torch.tensor([y1 + (i + 0.5) / 24 * (y2 - y1) - 0.5 for i in range(24)])
        torch.testing.assert_close(crop[0], across.expand(24, 32), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(crop[1], down[:, None].expand(24, 32), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_just_the_pixels_above_the_threshold_are_dropped(attention: Tensor, share: float) -> None:
    images = 1.0 + torch.rand(10, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    dropped = drop_attended(images, attention, torch.full((10,), share))
    for before, after, one in zip(images, dropped, fine(attention), strict=True):
        row, column = divmod(int(one.argmax()), 32)
        assert (after[:, row, column] == 0).all()
        gone = one > share * one.max()
        assert (after[:, gone] == 0).all()
        assert torch.equal(after[:, ~gone], before[:, ~gone])


def test_no_attention_drops_nothing() -> None:
    images = torch.rand(1, 3, *SIZE)
    assert torch.equal(drop_attended(images, torch.zeros(1, 4, 4), torch.tensor([0.5])), images)


def test_a_map_is_as_likely_as_the_root_of_its_mean() -> None:
    maps = torch.tensor([0.01, 0.04, 0.25, 0.0])[None, :, None, None].expand(1, -1, 3, 3)
    torch.testing.assert_close(map_probabilities(maps), torch.tensor([[0.1, 0.2, 0.5, 0.0]]) / 0.8, atol=1e-4, rtol=0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        drawn = choose_maps(maps.expand(8000, -1, -1, -1))[:, 0, 0]
    shares = torch.stack([(drawn == value).float().mean() for value in (0.01, 0.04, 0.25)])
    torch.testing.assert_close(shares, torch.tensor([0.125, 0.25, 0.625]), atol=0.02, rtol=0)


def test_silent_maps_are_equally_likely() -> None:
    torch.testing.assert_close(map_probabilities(torch.zeros(2, 5, 3, 3)), torch.full((2, 5), 0.2))


def test_no_gradient_reaches_the_attention() -> None:
    attention = torch.rand(2, 4, 4, requires_grad=True)
    images = torch.rand(2, 3, *SIZE, requires_grad=True)
    share = torch.full((2,), 0.5)
    dropped = drop_attended(images, attention, share)
    cropped = crop_and_resize(images, attention_box(attention, SIZE, share, 0.1))
    (dropped.sum() + cropped.sum()).backward()
    assert attention.grad is None
    assert images.grad is not None
