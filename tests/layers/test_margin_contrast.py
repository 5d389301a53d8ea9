"""The contrastive loss of TransFG against a loop over pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fieldmark.layers.margin_contrast import margin_contrast


@pytest.mark.parametrize("margin", [0.0, 0.4])
def test_it_is_the_mean_over_all_pairs(margin: float) -> None:
    torch.manual_seed(0)
    embeddings, classes = torch.randn(7, 4), torch.tensor([0, 0, 1, 2, 1, 1, 3])
    total = 0.0
    for a, one in zip(embeddings.double().numpy(), classes, strict=True):
        for b, other in zip(embeddings.double().numpy(), classes, strict=True):
            similarity = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            total += 1 - similarity if one == other else max(similarity - margin, 0)
    assert float(margin_contrast(embeddings, classes, margin)) == pytest.approx(total / 49, abs=1e-6)


def test_gradients() -> None:
    torch.manual_seed(0)
    embeddings, classes = torch.randn(5, 3, dtype=torch.float64, requires_grad=True), torch.tensor([0, 0, 1, 2, 1])
    assert torch.autograd.gradcheck(lambda rows: margin_contrast(rows, classes, 0.4), embeddings)
