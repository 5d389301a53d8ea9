"""Part maps, features under them, and both losses against loops."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fieldmark.layers.attention.part_maps import ChannelGrouping, distance_loss, diversity_loss, part_features


@pytest.fixture
def maps() -> Tensor:
    return torch.rand(2, 3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.01


def slow_distance(maps: Tensor) -> float:
    photos, parts, height, width = maps.shape
    total = 0.0
    for one in maps.flatten(0, 1):
        best = int(one.argmax())
        peak_x, peak_y = (best % width + 0.5) / width, (best // width + 0.5) / height
        for row in range(height):
            for column in range(width):
                squared = ((column + 0.5) / width - peak_x) ** 2 + ((row + 0.5) / height - peak_y) ** 2
                total += float(one[row, column] / one.sum()) * squared
    return total / (photos * parts)


def slow_diversity(maps: Tensor, margin: float) -> float:
    photos, parts, height, width = maps.shape
    total = 0.0
    for photo in maps:
        for part in range(parts):
            for row in range(height):
                for column in range(width):
                    highest = max(float(photo[other, row, column]) for other in range(parts) if other != part)
                    total += float(photo[part, row, column] / photo[part].sum()) * (highest - margin)
    return total / (photos * parts)


def test_both_losses_are_those_of_the_loops(maps: Tensor) -> None:
    assert float(distance_loss(maps)) == pytest.approx(slow_distance(maps), abs=1e-12)
    assert float(diversity_loss(maps, 0.02)) == pytest.approx(slow_diversity(maps, 0.02), abs=1e-12)


def test_gradients_of_the_losses(maps: Tensor) -> None:
    assert torch.autograd.gradcheck(distance_loss, (maps.requires_grad_(True),))
    assert torch.autograd.gradcheck(lambda each: diversity_loss(each, 0.02), (maps.requires_grad_(True),))


@pytest.mark.parametrize("side", [2, 7, 28])
def test_identical_maps_are_not_diverse(side: int) -> None:
    same = torch.rand(1, 1, side, side).expand(1, 4, side, side)
    assert diversity_loss(same, 0.02) > 0
    apart = torch.zeros(1, 4, 2, 2)
    apart[0, range(4), [0, 0, 1, 1], [0, 1, 0, 1]] = 1
    assert diversity_loss(apart, 0.02) == pytest.approx(-0.02)
    assert distance_loss(apart) == pytest.approx(0)


def test_distance_does_not_fall_by_being_weak(maps: Tensor) -> None:
    torch.testing.assert_close(distance_loss(0.1 * maps), distance_loss(maps))


def test_features_are_means_under_the_maps(maps: Tensor) -> None:
    feature_map = torch.randn(2, 6, 4, 5, dtype=torch.float64)
    features = part_features(feature_map, maps)
    for part in range(3):
        weight = maps[:, part : part + 1]
        expected = (feature_map * weight).sum((2, 3)) / weight.sum((2, 3))
        torch.testing.assert_close(features[:, part], expected)


@torch.no_grad()
def test_it_starts_from_groups_of_channels() -> None:
    groups = torch.tensor([0, 0, 1, 1, 1, 2])
    grouping = ChannelGrouping(6, 3, hidden=4)
    grouping.start_from(groups)
    weights = grouping.channel_weights(torch.randn(5, 6))
    inside = groups[None] == torch.arange(3)[:, None]
    assert (weights[:, inside] > 0.98).all()
    assert (weights[:, ~inside] < 0.02).all()


@torch.no_grad()
def test_a_map_is_high_where_its_channels_are() -> None:
    feature_map = torch.rand(1, 6, 7, 7, generator=torch.Generator().manual_seed(0)) * 0.1
    feature_map[0, :2, 1, 1] = 3
    feature_map[0, 2:5, 4, 5] = 3
    feature_map[0, 5, 6, 0] = 3
    grouping = ChannelGrouping(6, 3)
    grouping.start_from(torch.tensor([0, 0, 1, 1, 1, 2]))
    maps = grouping(feature_map)[0]
    assert maps.flatten(1).argmax(1).tolist() == [1 * 7 + 1, 4 * 7 + 5, 6 * 7 + 0]
    assert maps.flatten(1).median(1).values.max() < 0.2  # no saturation, however many channels are summed
    torch.testing.assert_close(grouping(10 * feature_map)[0], maps, rtol=0.05, atol=0.01)


def test_a_blank_map_is_finite() -> None:
    feature_map = torch.zeros(1, 6, 3, 3, requires_grad=True)
    grouping = ChannelGrouping(6, 3)
    maps = grouping(feature_map)
    (part_features(feature_map, maps).sum() + distance_loss(maps) + diversity_loss(maps, 0.02)).backward()  # type: ignore[no-untyped-call]
    assert all(
        torch.isfinite(parameter.grad).all() for parameter in grouping.parameters() if parameter.grad is not None
    )
