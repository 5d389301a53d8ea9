"""Euclidean confusion against a loop over pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from fieldmark.layers.euclidean_confusion import euclidean_confusion


def by_loop(logits: Tensor, classes: Tensor) -> float:
    exponents = np.exp(logits.detach().double().numpy())
    probabilities = exponents / exponents.sum(1, keepdims=True)
    half, total = len(logits) // 2, 0.0
    for i in range(half):
        if classes[i] != classes[half + i]:
            total += float(np.square(probabilities[i] - probabilities[half + i]).sum())
    return total / len(logits)


@pytest.mark.parametrize("count", [1, 2, 7, 12])
def test_it_is_the_sum_over_pairs_of_different_classes(count: int) -> None:
    torch.manual_seed(count)
    logits, classes = 3 * torch.randn(count, 5), torch.randint(3, (count,))
    assert float(euclidean_confusion(logits, classes)) == pytest.approx(by_loop(logits, classes), abs=1e-6)


def test_gradients() -> None:
    """By differences of the loop, which computes in float64."""
    torch.manual_seed(0)
    logits, classes = torch.randn(4, 3, requires_grad=True), torch.tensor([0, 1, 2, 1])
    (gradient,) = torch.autograd.grad(euclidean_confusion(logits, classes), logits)
    for place in np.ndindex(4, 3):
        step = torch.zeros(4, 3, dtype=torch.float64)
        step[place] = 1e-4
        slope = (by_loop(logits.double() + step, classes) - by_loop(logits.double() - step, classes)) / 2e-4
        assert float(gradient[place]) == pytest.approx(slope, abs=1e-6)


def test_photos_of_one_class_are_not_confused() -> None:
    assert float(euclidean_confusion(torch.randn(6, 4), torch.ones(6, dtype=torch.int64))) == 0
