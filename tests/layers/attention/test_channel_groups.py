"""Peaks of channels, and the groups that they fall into."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from fieldmark.layers.attention.channel_groups import channel_peaks, group_channels


def planted(num_photos: int, silent: float = 0.0) -> tuple[Tensor, Tensor]:
    """Maps (n, 40, 8, 8) whose channels peak at one of four places that wander from photo to photo, and which."""
    generator = torch.Generator().manual_seed(0)
    corners = torch.tensor([[1, 1], [1, 5], [5, 1], [5, 5]])
    groups = torch.randint(4, (40,), generator=generator)
    maps = torch.rand(num_photos, 40, 8, 8, generator=generator)
    for photo in range(num_photos):
        places = corners + torch.randint(0, 2, (4, 2), generator=generator)
        for channel, group in enumerate(groups.tolist()):
            maps[photo, channel, places[group, 0], places[group, 1]] = 2.0
    gone = torch.rand(num_photos, 40, generator=generator) < silent
    return maps.masked_fill(gone[:, :, None, None], 0.0), groups


def same_partition(one: Tensor, other: Tensor) -> bool:
    return bool(((one[:, None] == one[None]) == (other[:, None] == other[None])).all())


def test_a_peak_is_the_highest_place() -> None:
    maps = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    peaks = channel_peaks(maps)
    for photo in range(2):
        for channel in range(3):
            x, y = peaks[photo, channel].tolist()
            assert maps[photo, channel, int(y * 4), int(x * 5)] == maps[photo, channel].max()


def test_a_flat_channel_has_no_peak() -> None:
    maps = torch.zeros(1, 2, 3, 3)
    maps[0, 1, 2, 0] = 1
    peaks = channel_peaks(maps)[0]
    assert all(math.isnan(value) for value in peaks[0].tolist())
    torch.testing.assert_close(peaks[1], torch.tensor([1 / 6, 5 / 6]))


@pytest.mark.parametrize("silent", [0.0, 0.5])
def test_channels_that_peak_together_are_grouped_exactly(silent: float) -> None:
    maps, groups = planted(30, silent)
    assert same_partition(group_channels(channel_peaks(maps), 4), groups)


def test_a_channel_that_is_always_silent_is_no_error() -> None:
    maps, groups = planted(10)
    maps[:, 0] = 0
    found = group_channels(channel_peaks(maps), 4)
    assert same_partition(found[1:], groups[1:])
