"""A soft nearest-neighbour classifier over stored embeddings of each class."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fieldmark.layers.precision import at_least_float32, without_autocast

__all__ = ["ClassMemory", "representatives"]


class ClassMemory(nn.Module):
    """Up to M stored embeddings for each class, in buffers of fixed shape.

    A row of zeros is empty. During training, the newest embeddings replace the oldest of their class; after training,
    `fill` replaces all of them by embeddings of the final weights.

    Args:
        num_classes: K.
        places: M.
        dim: D.
        temperature: T of `forward`.
    """

    embeddings: Tensor

    def __init__(self, num_classes: int, places: int, dim: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.register_buffer("embeddings", torch.zeros(num_classes, places, dim))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Embeddings (B, D) of unit length to logits (B, K), in float32 or more.

        The logit of a class is the logarithm of the mean of exp(cosine / T) over its stored embeddings: a soft vote of
        the neighbours, in which the number of photos of a class does not count. A class without stored embeddings gets
        the lowest possible logit, -1 / T.
        """
        with without_autocast(embeddings):
            remembered = F.normalize(self.embeddings, dim=2)  # (K, M, D)
            taken = remembered.square().sum(2) > 0.5  # (K, M)
            cosine = at_least_float32(embeddings) @ remembered.flatten(0, 1).T  # (B, K * M)
            votes = (cosine / self.temperature).view(-1, *taken.shape)  # (B, K, M)
            votes = votes.masked_fill(~taken, -1e4)
            counts = taken.sum(1).clamp_min(1).to(votes.dtype)
            logits: Tensor = votes.logsumexp(2) - counts.log()
            return logits.clamp_min(-1 / self.temperature)

    @torch.no_grad()
    def push(self, embeddings: Tensor, labels: Tensor) -> None:
        """Store a batch (B, D) with labels (B,), the last photos first."""
        places = self.embeddings.shape[1]
        for label in set(labels.tolist()):
            newest = embeddings[labels == label].flip(0).to(self.embeddings.dtype)
            self.embeddings[label] = torch.cat([newest, self.embeddings[label]])[:places]

    @torch.no_grad()
    def fill(self, embeddings: Tensor, labels: Tensor) -> None:
        """Replace everything by `representatives` of embeddings (n, D) with labels (n,)."""
        self.embeddings.zero_()
        for label in set(labels.tolist()):
            chosen = representatives(embeddings[labels == label], self.embeddings.shape[1])
            self.embeddings[label, : len(chosen)] = chosen.to(self.embeddings)


def representatives(embeddings: Tensor, count: int) -> Tensor:
    """Return at most `count` embeddings of unit length that represent all: themselves, or k-means centres."""
    if len(embeddings) <= count:
        return embeddings
    distinct: Tensor = torch.unique(embeddings, dim=0)  # copies of photos are no clusters
    if len(distinct) <= count:
        return distinct
    from sklearn.cluster import KMeans

    found = KMeans(count, n_init=1, random_state=0).fit(embeddings.double().cpu().numpy())
    return F.normalize(torch.from_numpy(found.cluster_centers_), dim=1).to(embeddings)
