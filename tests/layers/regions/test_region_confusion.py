"""Region confusion: every region is there once, near its place, and its origin is known."""

from __future__ import annotations

import pytest
import torch

from fieldmark.layers.regions.region_confusion import confuse_regions, draw_neighbourhood_order, region_centers


@pytest.mark.parametrize("reach", [1, 2, 3])
def test_a_permutation_moves_no_index_far(reach: int) -> None:
    torch.manual_seed(0)
    orders = draw_neighbourhood_order(500, 7, reach)
    assert (orders.sort(1).values == torch.arange(7)).all()
    moved = (orders - torch.arange(7)).abs()
    assert moved.max() < 2 * reach
    assert (moved > 0).any(0).all()


def test_regions_come_from_where_the_order_says() -> None:
    torch.manual_seed(0)
    images = torch.randn(4, 3, 14, 14)
    shuffled, order = confuse_regions(images, 7, 2)
    assert (order.sort(1).values == torch.arange(49)).all()
    for photo in range(4):
        for place in range(49):
            row, column = divmod(place, 7)
            source_row, source_column = divmod(int(order[photo, place]), 7)
            found = shuffled[photo, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            source = slice(2 * source_row, 2 * source_row + 2), slice(2 * source_column, 2 * source_column + 2)
            assert torch.equal(found, images[photo][:, *source])
            assert abs(row - source_row) < 4
            assert abs(column - source_column) < 4


def test_photos_are_shuffled_differently_and_a_remainder_stays() -> None:
    torch.manual_seed(0)
    images = torch.randn(1, 1, 16, 15).expand(2, -1, -1, -1)
    shuffled, order = confuse_regions(images, 7, 2)
    assert not torch.equal(order[0], order[1])
    assert torch.equal(shuffled[:, :, 14:], images[:, :, 14:])
    assert torch.equal(shuffled[:, :, :, 14:], images[:, :, :, 14:])


def test_centers_of_the_origins() -> None:
    order = torch.tensor([[3, 0, 2, 1]])
    x, y = region_centers(order, 2)[0]
    assert x.tolist() == [[0.5, -0.5], [-0.5, 0.5]]
    assert y.tolist() == [[0.5, -0.5], [0.5, -0.5]]
