"""One linear layer over joined features, read as one classifier for each of them."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["block_logits"]


def block_logits(head: nn.Linear, rows: Tensor, blocks: int) -> Tensor:
    """What each block of the rows says by itself, such that the layer's logits are the mean of the blocks'.

    Args:
        head: P * C -> K.
        rows: (B, P * C), the features of P blocks joined.
        blocks: P.

    Returns:
        (B, P, K).
    """
    weight = head.weight.reshape(head.out_features, blocks, -1).permute(1, 2, 0)  # (P, C, K)
    each = rows.reshape(-1, blocks, weight.shape[1]).transpose(0, 1) @ weight  # (P, B, K)
    return blocks * each.transpose(0, 1) + head.bias
