"""Center loss: pull the descriptors of each class towards a running centre."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ClassCenters"]


class ClassCenters(nn.Module):
    """Running mean descriptor of each class, kept in buffers without gradients.

    Source: Wen, Zhang, Li, Qiao, "A discriminative feature learning approach for deep face recognition" (ECCV 2016);
    with centres of unit length in Hu, Qi, "See better before looking closer" (2019), eq. 4 and 5.

    Args:
        num_classes: K.
        dim: D.
        rate: How far a centre moves towards the mean of a batch, between 0 and 1.
    """

    centers: Tensor

    def __init__(self, num_classes: int, dim: int, rate: float = 0.05) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("centers", torch.zeros(num_classes, dim))

    def forward(self, descriptors: Tensor, labels: Tensor) -> Tensor:
        """Return the mean squared distance of descriptors (B, D) from the unit-length centres of labels (B,)."""
        nearest = F.normalize(self.centers[labels], dim=1)
        return (descriptors.to(nearest.dtype) - nearest).square().sum(1).mean()

    @torch.no_grad()
    def update(self, descriptors: Tensor, labels: Tensor) -> None:
        """Move the centre of each class in the batch towards the mean of its descriptors."""
        classes, index, counts = torch.unique(labels, return_inverse=True, return_counts=True)
        sums = self.centers.new_zeros(len(classes), self.centers.shape[1])
        means = sums.index_add(0, index, descriptors.to(sums.dtype)) / counts[:, None]
        self.centers[classes] += self.rate * (means - self.centers[classes])
