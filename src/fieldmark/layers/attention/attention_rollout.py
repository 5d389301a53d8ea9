"""Attention rollout: how much the class token has gathered from each patch through all layers of a transformer.

Source: Abnar, Zuidema, "Quantifying attention flow in transformers" (ACL 2020); without the residual term, by head, in
He, Chen, Liu, Kortylewski, Yang, Bai, Wang, Yuille, "TransFG: a transformer architecture for fine-grained recognition"
(AAAI 2022), section 3.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from fieldmark.layers.precision import at_least_float32, without_autocast

__all__ = ["attention_matrix", "class_token_rollout", "recorded_projections"]


@contextmanager
def recorded_projections(attentions: Sequence[nn.Module]) -> Iterator[list[Tensor]]:
    """Record the joint projections (B, N, 3 C) to queries, keys and values of timm's attention layers, in their order.

    Attention matrices can be computed from them later, so that the layers keep their fused kernels.
    """
    seen: list[Tensor] = []

    def note(_layer: nn.Module, _inputs: object, output: Tensor) -> None:
        seen.append(output)

    hooks = [each.qkv.register_forward_hook(note) for each in attentions]  # type: ignore[union-attr]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def attention_matrix(attention: nn.Module, projected: Tensor) -> Tensor:
    """Return the attention of each token to each token, (B, heads, N, N), whose rows add up to 1.

    Args:
        attention: An `Attention` of timm.
        projected: (B, N, 3 C), the output of its layer ``qkv``.
    """
    heads = int(attention.num_heads)  # type: ignore[arg-type]
    batch, tokens, channels = projected.shape
    parts = projected.reshape(batch, tokens, 3, heads, channels // (3 * heads)).permute(2, 0, 3, 1, 4)
    queries, keys = attention.q_norm(parts[0]), attention.k_norm(parts[1])  # type: ignore[operator]
    with without_autocast(projected):
        queries, keys = at_least_float32(queries) * float(attention.scale), at_least_float32(keys)  # type: ignore[arg-type]
        return torch.softmax(queries @ keys.transpose(2, 3), 3)


@torch.no_grad()
def class_token_rollout(attentions: Sequence[nn.Module], projections: Sequence[Tensor]) -> Tensor:
    """Return the first row of the product of all attention matrices, the last layer's first: (B, heads, N).

    Only a row is multiplied through the layers, from the last one back to the first, so that no product of two
    matrices is computed and one matrix is held at a time.

    Args:
        attentions: Layers in the order of the forward pass.
        projections: The recorded projections of each; see `recorded_projections`.
    """
    last, *earlier = reversed(list(zip(attentions, projections, strict=True)))
    row = attention_matrix(*last)[:, :, :1]
    for attention, projected in earlier:
        row = row @ attention_matrix(attention, projected)
    return row[:, :, 0]
