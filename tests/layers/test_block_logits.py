"""The blocks of a linear layer as classifiers of their own."""

from __future__ import annotations

import torch
from torch import nn

from fieldmark.layers.block_logits import block_logits


def test_each_block_answers_from_its_own_features_and_their_mean_is_the_layer() -> None:
    torch.manual_seed(0)
    head, rows = nn.Linear(3 * 4, 5).double(), torch.randn(2, 12, dtype=torch.float64)
    logits = block_logits(head, rows, 3)
    for photo in range(2):
        for block in range(3):
            own = slice(4 * block, 4 * block + 4)
            torch.testing.assert_close(logits[photo, block], 3 * head.weight[:, own] @ rows[photo, own] + head.bias)
    torch.testing.assert_close(logits.mean(1), head(rows))
