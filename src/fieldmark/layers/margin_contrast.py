"""Contrastive loss with a margin on cosine similarities: photos of one class close, others below the margin.

Source: He, Chen, Liu, Kortylewski, Yang, Bai, Wang, Yuille, "TransFG: a transformer architecture for fine-grained
recognition" (AAAI 2022), section 3.3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fieldmark.layers.precision import at_least_float32, without_autocast

__all__ = ["margin_contrast"]


def margin_contrast(embeddings: Tensor, classes: Tensor, margin: float) -> Tensor:
    """Return the mean over all B² pairs of 1 - s for pairs of one class and max(0, s - margin) for others; a scalar.

    s is the cosine similarity; a photo with itself is a pair of one class, with 1 - s = 0.

    Args:
        embeddings: (B, D).
        classes: (B,).
        margin: Similarity of two classes that costs nothing.
    """
    with without_autocast(embeddings):
        units = F.normalize(at_least_float32(embeddings), dim=1)
        similarity = units @ units.T
    same = classes[:, None] == classes[None]
    return torch.where(same, 1 - similarity, F.relu(similarity - margin)).mean()
