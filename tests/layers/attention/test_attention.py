"""Gates against loops, the identity that they begin with, and gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from fieldmark.layers.attention.channel_spatial import BlockAttention, ChannelAttention, SpatialAttention


@pytest.fixture
def feature_map() -> Tensor:
    return torch.randn(2, 6, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def stirred(module: nn.Module) -> nn.Module:
    """A gate that is no longer at its beginning, in evaluation mode and double precision."""
    generator = torch.Generator().manual_seed(1)
    module = module.double().eval()
    with torch.no_grad():
        for tensor in [*module.parameters(), *(b for b in module.buffers() if b.is_floating_point())]:
            tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator, dtype=torch.float64))
    return module


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize("training", [True, False])
def test_a_new_block_is_the_identity(feature_map: Tensor, training: bool) -> None:
    weighted, places = BlockAttention(6, reduction=2).double().train(training)(feature_map)
    assert torch.equal(weighted, feature_map)
    assert torch.equal(places, torch.ones(2, 1, 5, 4, dtype=torch.float64))


@pytest.mark.parametrize("gate", [ChannelAttention(6, 2), ChannelAttention(6, 2, ("avg",)), SpatialAttention(3)])
def test_a_new_gate_learns_from_its_first_step(gate: nn.Module, feature_map: Tensor) -> None:
    image = feature_map.float()
    (gate(image) * torch.rand(image.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    gradients = [parameter.grad for parameter in gate.parameters() if parameter.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert any((gradient != 0).any() for gradient in gradients)


@torch.no_grad()
def test_channel_weights_channel_by_channel(feature_map: Tensor) -> None:
    gate = stirred(ChannelAttention(6, reduction=3))
    first, _, second = gate.network  # type: ignore[misc,union-attr]
    got = gate(feature_map)
    assert got.shape == (2, 6, 1, 1)
    for photo, weights in zip(feature_map, got, strict=True):
        total = torch.zeros(6, dtype=torch.float64)
        for pooled in ([c.sum() / 20 for c in photo], [c.max() for c in photo]):
            hidden = [
                max(0.0, float(w @ torch.stack(pooled) + b)) for w, b in zip(first.weight, first.bias, strict=True)
            ]
            for channel in range(6):
                total[channel] += sum(float(second.weight[channel, k]) * hidden[k] for k in range(2))
                total[channel] += float(second.bias[channel])
        slow = torch.tensor([2 * sigmoid(float(value)) for value in total], dtype=torch.float64)
        torch.testing.assert_close(weights[:, 0, 0], slow)


def test_squeeze_and_excitation_sees_the_means_alone(feature_map: Tensor) -> None:
    gate = stirred(ChannelAttention(6, reduction=3, pools=("avg",)))
    flat = feature_map.mean((2, 3), keepdim=True).expand_as(feature_map)
    torch.testing.assert_close(gate(flat), gate(feature_map))
    with_maxima = stirred(ChannelAttention(6, reduction=3))
    assert not torch.allclose(with_maxima(flat), with_maxima(feature_map))


@torch.no_grad()
def test_place_weights_place_by_place(feature_map: Tensor) -> None:
    gate = stirred(SpatialAttention(kernel_size=3))
    kernel, norm = gate.convolution.weight[0], gate.norm  # type: ignore[union-attr,index]
    got = gate(feature_map)
    assert got.shape == (2, 1, 5, 4)
    for photo, weights in zip(feature_map, got, strict=True):
        summary = [photo.amax(0), photo.sum(0) / 6]
        for i in range(5):
            for j in range(4):
                total = 0.0
                for channel in range(2):
                    for di in (-1, 0, 1):
                        for dj in (-1, 0, 1):
                            if 0 <= i + di < 5 and 0 <= j + dj < 4:
                                value = summary[channel][i + di, j + dj]
                                total += float(kernel[channel, di + 1, dj + 1] * value)
                scaled = (total - float(norm.running_mean)) / math.sqrt(float(norm.running_var) + norm.eps)  # type: ignore[union-attr,arg-type,operator]
                slow = 2 * sigmoid(scaled * float(norm.weight) + float(norm.bias))  # type: ignore[union-attr,arg-type]
                assert float(weights[0, i, j]) == pytest.approx(slow)


def test_channels_come_before_places(feature_map: Tensor) -> None:
    block = stirred(BlockAttention(6, reduction=2, kernel_size=3))
    assert isinstance(block, BlockAttention)
    weighted, places = block(feature_map)
    between = feature_map * block.channel(feature_map)
    torch.testing.assert_close(places, block.spatial(between))
    torch.testing.assert_close(weighted, between * places)


def test_attention_gradients(feature_map: Tensor) -> None:
    block = stirred(BlockAttention(6, reduction=2, kernel_size=3))
    small = feature_map[:1, :, :3, :3].clone().requires_grad_(True)
    assert torch.autograd.gradcheck(block, (small,))


def test_weights_move_with_the_photo(feature_map: Tensor) -> None:
    """Rolled by whole places, on a ground that the kernel does not leave."""
    gate = stirred(SpatialAttention(kernel_size=3))
    padded = torch.nn.functional.pad(feature_map, (3, 3, 3, 3))
    inside = gate(padded).roll((1, 1), (2, 3))[:, :, 2:-2, 2:-2]
    torch.testing.assert_close(gate(padded.roll((1, 1), (2, 3)))[:, :, 2:-2, 2:-2], inside)
