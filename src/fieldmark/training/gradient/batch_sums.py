"""Figures of an epoch: sums over its batches and over all processes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from fieldmark.training.gradient.learner import Learner
from fieldmark.training.gradient.photo_batches import Batch

if TYPE_CHECKING:
    from lightning.fabric import Fabric

__all__ = ["BatchSums", "validate"]


def validate(learner: Learner, photos: Iterable[Batch], fabric: Fabric) -> list[float]:
    """Accuracy and cross-entropy on the val photos of all processes."""
    learner.method.eval()
    sums = BatchSums(fabric, 2)
    for batch in photos:
        logits = learner.logits(batch)
        right = (logits.argmax(1) == batch.labels).sum()
        sums.add(len(batch.labels), right, F.cross_entropy(logits, batch.labels, reduction="sum"))
    return sums.means()


class BatchSums:
    """Sums over batches, kept on the device so that no step waits for another."""

    def __init__(self, fabric: Fabric, values: int) -> None:
        self.fabric = fabric
        self.count = 0
        self.totals = torch.zeros(values, device=fabric.device)

    def add(self, count: int, *values: Tensor) -> None:
        self.count += count
        self.totals = self.totals + torch.stack([value.float() for value in values])

    def means(self) -> list[float]:
        """Each sum divided by the count, over all processes."""
        counted = F.pad(self.totals, (0, 1), value=self.count)
        *sums, count = self.fabric.all_reduce(counted, reduce_op="sum").tolist()  # type: ignore[union-attr]
        return [value / count for value in sums]
