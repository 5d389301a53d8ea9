"""A centre for each class that its descriptors are drawn to."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ClassCenters"]


class ClassCenters(nn.Module):
    """Running centres of the descriptors of each class; buffers, which no gradient reaches.

    Source: Wen, Zhang, Li, Qiao, "A discriminative feature learning approach for deep face recognition" (ECCV 2016);
    with centres of unit length in Hu, Qi, "See better before looking closer" (2019), eq. 4 and 5.

    Args:
        num_classes: K.
        dim: D.
        rate: Share of the way to the mean of a batch that a centre moves.
    """

    centers: Tensor

    def __init__(self, num_classes: int, dim: int, rate: float = 0.05) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("centers", torch.zeros(num_classes, dim))

    def forward(self, descriptors: Tensor, labels: Tensor) -> Tensor:
        """Mean over the batch of the squared distance (B, D) from the centre of each label (B,), at unit length."""
        nearest = F.normalize(self.centers[labels], dim=1)
        return (descriptors.to(nearest.dtype) - nearest).square().sum(1).mean()

    @torch.no_grad()
    def update(self, descriptors: Tensor, labels: Tensor) -> None:
        """Move the centre of each class of the batch towards the mean of its descriptors."""
        classes, index, counts = torch.unique(labels, return_inverse=True, return_counts=True)
        sums = self.centers.new_zeros(len(classes), self.centers.shape[1])
        means = sums.index_add(0, index, descriptors.to(sums.dtype)) / counts[:, None]
        self.centers[classes] += self.rate * (means - self.centers[classes])
