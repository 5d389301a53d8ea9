"""The fusions of two maps against loops, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fieldmark.errors import SettingError
from fieldmark.layers.pooling.stream_fusion import FUSIONS, create_fusion, match_grids


@pytest.fixture
def streams() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(2, 3, 4, 2, generator=generator, dtype=torch.float64) for _ in range(2))
    return a, b


@pytest.mark.parametrize(("name", "length"), [("bilinear", 9), ("concat", 6), ("sum", 3), ("max", 3)])
def test_lengths(name: str, length: int, streams: tuple[Tensor, Tensor]) -> None:
    fusion = create_fusion(name, 3, 3)
    assert fusion.dim == length
    assert fusion(*streams).shape == (2, length)


def test_each_fusion_location_by_location(streams: tuple[Tensor, Tensor]) -> None:
    a, b = streams
    pairs = [[(a[photo, :, i, j], b[photo, :, i, j]) for i in range(4) for j in range(2)] for photo in range(2)]
    rules = {
        "bilinear": lambda x, y: torch.outer(x, y).flatten(),
        "concat": lambda x, y: torch.cat([x, y]),
        "sum": lambda x, y: x + y,
        "max": lambda x, y: torch.stack([x, y]).amax(0),
    }
    assert set(rules) == set(FUSIONS)
    for name, rule in rules.items():
        slow = torch.stack([torch.stack([rule(x, y) for x, y in photo]).mean(0) for photo in pairs])
        torch.testing.assert_close(create_fusion(name, 3, 3)(a, b), slow)


@pytest.mark.parametrize("name", ["sum", "max"])
def test_sum_and_max_need_equally_many_channels(name: str) -> None:
    with pytest.raises(SettingError) as raised:
        create_fusion(name, 3, 5)
    assert str(raised.value) == (
        f"the fusion '{name}' needs two maps with equally many channels, but they have 3 and 5: set projected to the "
        "number that both are to have"
    )


def test_an_unknown_fusion() -> None:
    with pytest.raises(SettingError) as raised:
        create_fusion("bilinaer", 3, 3)
    assert str(raised.value) == (
        "unknown fusion 'bilinaer': did you mean 'bilinear'? (known: bilinear, concat, max, sum)"
    )


def test_the_finer_map_moves_to_the_coarser_grid() -> None:
    coarse, fine = torch.rand(1, 2, 3, 3), torch.rand(1, 4, 6, 6)
    means = torch.nn.functional.avg_pool2d(fine, 2)  # halving interpolates between the four places around
    for pair in (match_grids(coarse, fine), match_grids(fine, coarse)[::-1]):
        assert pair[0] is coarse
        torch.testing.assert_close(pair[1], means)


def test_maps_on_one_grid_stay_as_they_are() -> None:
    a, b = torch.rand(1, 2, 3, 3), torch.rand(1, 4, 3, 3)
    same_a, same_b = match_grids(a, b)
    assert same_a is a
    assert same_b is b
