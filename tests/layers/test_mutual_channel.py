"""Mutual-channel loss against loops over classes, channels and places."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fieldmark.layers.mutual_channel import ClassChannels


def groups_by_loop(channels: int, classes: int) -> list[list[int]]:
    size, larger = divmod(channels, classes)
    sizes = [size] * (classes - larger) + [size + 1] * larger
    starts = np.cumsum([0, *sizes])
    return [list(range(starts[i], starts[i + 1])) for i in range(classes)]


@pytest.mark.parametrize(("channels", "classes"), [(2048, 200), (512, 200), (7, 7), (12, 4), (11, 4)])
def test_groups_are_consecutive_and_nearly_equal(channels: int, classes: int) -> None:
    own = ClassChannels(channels, classes)
    expected = groups_by_loop(channels, classes)
    assert [list(dict.fromkeys(row)) for row in own.groups.tolist()] == expected
    assert own.sizes.tolist() == [len(group) for group in expected]


def test_the_papers_groups_of_resnet50_on_cub() -> None:
    assert ClassChannels(2048, 200).sizes.tolist() == [10] * 152 + [11] * 48


@pytest.mark.parametrize(("channels", "classes"), [(12, 4), (11, 4), (4, 4)])
def test_both_parts_are_those_of_the_loops(channels: int, classes: int) -> None:
    torch.manual_seed(0)
    own = ClassChannels(channels, classes)
    feature_map, kept = torch.randn(3, channels, 4, 5), own.draw_kept()
    values = feature_map.double().numpy()
    exponents = np.exp(values)
    places = exponents / exponents.sum((2, 3), keepdims=True)
    responses, diversity = np.zeros((3, classes)), np.zeros(3)
    for photo in range(3):
        for label, group in enumerate(groups_by_loop(channels, classes)):
            for row, column in np.ndindex(4, 5):
                responses[photo, label] += max(values[photo, c, row, column] * float(kept[c]) for c in group) / 20
                diversity[photo] += max(places[photo, c, row, column] for c in group) / classes
    np.testing.assert_allclose(own.discriminality(feature_map, kept).numpy(), responses, atol=1e-6)
    np.testing.assert_allclose(own.diversity(feature_map).numpy(), diversity, atol=1e-6)


def test_the_mask_drops_half_of_each_class() -> None:
    torch.manual_seed(0)
    own = ClassChannels(23, 5)  # three classes of 5 channels, after two of 4
    masks = torch.stack([own.draw_kept() for _ in range(200)])
    for group in groups_by_loop(23, 5):
        assert ((masks[:, group] == 0).sum(1) == len(group) // 2).all()
        assert (masks[:, group].mean(0) > 0.3).all()  # every channel is dropped and kept at times
        assert (masks[:, group].mean(0) < 0.8).all()


def test_bounds_of_the_diversity() -> None:
    own = ClassChannels(6, 2)
    peaks = torch.full((1, 6, 3, 3), -50.0)
    for channel in range(6):
        peaks[0, channel].flatten()[channel % 3] = 50.0
    torch.testing.assert_close(own.diversity(peaks), torch.tensor([3.0]))  # no two overlap
    torch.testing.assert_close(own.diversity(peaks[:, :1].expand(-1, 6, -1, -1)), torch.tensor([1.0]))


def test_gradients() -> None:
    torch.manual_seed(0)
    own = ClassChannels(5, 2)
    feature_map, kept = torch.randn(2, 5, 2, 2, dtype=torch.float64, requires_grad=True), own.draw_kept().double()
    assert torch.autograd.gradcheck(own.diversity, feature_map)
    assert torch.autograd.gradcheck(lambda maps: own.discriminality(maps, kept), feature_map)


def test_fewer_channels_than_classes() -> None:
    with pytest.raises(ValueError) as raised:
        ClassChannels(3, 4)
    assert str(raised.value) == "4 classes need at least as many channels, but there are 3"
