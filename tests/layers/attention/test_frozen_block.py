"""A block whose attention, norms and activations are constant is linear in its tokens; its values do not change."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import Tensor, nn

from fieldmark.layers.attention.frozen_block import held_constant
from fieldmark.layers.unit_length import constant_factors


@pytest.fixture
def block() -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model("test_vit", num_classes=0, img_size=64).blocks[0].eval()


def tokens() -> Tensor:
    return torch.randn(1, 6, 64, generator=torch.Generator().manual_seed(1), requires_grad=True)


def without_biases(block: nn.Module) -> nn.Module:
    for name, parameter in block.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
    return block


def test_values_do_not_change(block: nn.Module) -> None:
    expected = block(tokens())
    with constant_factors(), held_constant(block):
        torch.testing.assert_close(block(tokens()), expected)


def test_gradients_times_tokens_add_up_without_biases(block: nn.Module) -> None:
    inputs, weight = tokens(), torch.randn(64)
    without_biases(block)
    with constant_factors(), held_constant(block):
        value = (block(inputs)[:, 0] @ weight).sum()
    (gradient,) = torch.autograd.grad(value, inputs)
    torch.testing.assert_close((gradient * inputs).sum(), value, rtol=1e-4, atol=1e-4)


def test_outside_of_constant_factors_nothing_changes(block: nn.Module) -> None:
    inputs = tokens()
    (expected,) = torch.autograd.grad(block(inputs)[:, 0].sum(), inputs)
    with held_constant(block):
        (found,) = torch.autograd.grad(block(inputs)[:, 0].sum(), inputs)
    assert torch.equal(found, expected)
