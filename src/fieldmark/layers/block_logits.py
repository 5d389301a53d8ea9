"""Split one linear layer over joined features into one classifier for each feature."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["block_logits"]


def block_logits(head: nn.Linear, rows: Tensor, blocks: int) -> Tensor:
    """Return the logits of each block by itself; their mean over blocks is the logits of the layer.

    Args:
        head: P * C -> K.
        rows: (B, P * C), the features of P blocks joined.
        blocks: P, the number of features.

    Returns:
        (B, P, K).
    """
    weight = head.weight.reshape(head.out_features, blocks, -1).permute(1, 2, 0)  # (P, C, K)
    each = rows.reshape(-1, blocks, weight.shape[1]).transpose(0, 1) @ weight  # (P, B, K)
    return blocks * each.transpose(0, 1) + head.bias
