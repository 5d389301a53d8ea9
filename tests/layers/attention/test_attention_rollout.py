"""Attention rollout against timm's own attention and full matrix products."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from fieldmark.layers.attention.attention_rollout import attention_matrix, class_token_rollout, recorded_projections


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model("test_vit", num_classes=0, img_size=64, depth=4).eval()


def images() -> Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def softmax(x: np.ndarray) -> np.ndarray:
    exponents = np.exp(x - x.max(-1, keepdims=True))
    return exponents / exponents.sum(-1, keepdims=True)


@torch.no_grad()
def test_the_matrices_are_those_that_the_layers_use(model: nn.Module) -> None:
    """Attention times values, projected, is the output of timm's layer."""
    attention = model.blocks[1].attn
    tokens = torch.randn(2, 5, 64)
    with recorded_projections([attention]) as seen:
        expected = attention(tokens)
    matrix = attention_matrix(attention, seen[0])
    torch.testing.assert_close(matrix.sum(3), torch.ones(2, attention.num_heads, 5))
    values = seen[0].reshape(2, 5, 3, attention.num_heads, -1)[:, :, 2].transpose(1, 2)
    torch.testing.assert_close(attention.proj((matrix @ values).transpose(1, 2).flatten(2)), expected)


@torch.no_grad()
def test_the_rollout_is_the_first_row_of_the_product_of_all_layers(model: nn.Module) -> None:
    """In NumPy, from the weights: TransFG's a_3 a_2 a_1 of each head."""
    attentions = [block.attn for block in model.blocks[:-1]]
    with recorded_projections(attentions) as seen:
        model.forward_features(images())
    product = None
    for attention, projected in zip(attentions, seen, strict=True):
        heads = attention.num_heads
        queries, keys, _ = np.moveaxis(projected.double().numpy().reshape(2, -1, 3, heads, 64 // heads), 2, 0)
        scores = np.einsum("bnhd,bmhd->bhnm", queries, keys) / np.sqrt(64 / heads)
        product = softmax(scores) if product is None else softmax(scores) @ product
    found = class_token_rollout(attentions, seen)
    np.testing.assert_allclose(found.numpy(), product[:, :, 0], rtol=1e-4)
    torch.testing.assert_close(found.sum(2), torch.ones(2, attentions[0].num_heads))


def test_nothing_is_recorded_afterwards(model: nn.Module) -> None:
    with recorded_projections([model.blocks[0].attn]) as seen:
        pass
    model(images())
    assert seen == []
