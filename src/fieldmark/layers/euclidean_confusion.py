"""Euclidean confusion: bring the predicted probabilities of photos of different classes closer together.

Source: Dubey, Gupta, Guo, Raskar, Farrell, Naik, "Pairwise confusion for fine-grained visual classification"
(ECCV 2018), section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["euclidean_confusion"]


def euclidean_confusion(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the sum over pairs of the squared distance of their probabilities, divided by the batch size; a scalar.

    The first half of the batch is paired with the second half. A pair of one class counts zero, and so does the last
    photo of a batch of odd size.

    Args:
        logits: (B, K).
        classes: (B,), class indices.
    """
    half = len(logits) // 2
    probabilities = torch.softmax(logits.float(), 1)
    first, second = probabilities[:half], probabilities[half : 2 * half]
    different = (classes[:half] != classes[half : 2 * half]).to(first.dtype)
    return (different * (first - second).square().sum(1)).sum() / len(logits)
