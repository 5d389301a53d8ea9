"""Embeddings that are remembered of each class, and how near others are to them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fieldmark.layers.precision import at_least_float32, without_autocast

__all__ = ["ClassMemory", "representatives"]


class ClassMemory(nn.Module):
    """As many embeddings of each class as there are places for; buffers of a shape that no training photo changes.

    A place of zeros is free. While a network trains, the newest embeddings push out the oldest of their class; at the
    end `fill` sets them all from the final weights.

    Args:
        num_classes: K.
        places: M, for each class.
        dim: D.
        temperature: T of `forward`.
    """

    embeddings: Tensor

    def __init__(self, num_classes: int, places: int, dim: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.register_buffer("embeddings", torch.zeros(num_classes, places, dim))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Embeddings (B, D) of unit length to logits (B, K), in float32 at least.

        The logit of a class is the logarithm of the mean of exp(cosine / T) over what is remembered of it: a soft vote
        of the neighbours, in which classes of many photos weigh no more than others. It is the least that there can
        be, -1 / T, for a class of which nothing is remembered.
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
        """Remember a batch (B, D) with labels (B,), its last photos first."""
        places = self.embeddings.shape[1]
        for label in set(labels.tolist()):
            newest = embeddings[labels == label].flip(0).to(self.embeddings.dtype)
            self.embeddings[label] = torch.cat([newest, self.embeddings[label]])[:places]

    @torch.no_grad()
    def fill(self, embeddings: Tensor, labels: Tensor) -> None:
        """Remember nothing but `representatives` of embeddings (n, D) with labels (n,)."""
        self.embeddings.zero_()
        for label in set(labels.tolist()):
            chosen = representatives(embeddings[labels == label], self.embeddings.shape[1])
            self.embeddings[label, : len(chosen)] = chosen.to(self.embeddings)


def representatives(embeddings: Tensor, count: int) -> Tensor:
    """At most `count` embeddings of unit length that stand for all: themselves, or the centres of k-means."""
    if len(embeddings) <= count:
        return embeddings
    distinct: Tensor = torch.unique(embeddings, dim=0)  # copies of photos are no clusters
    if len(distinct) <= count:
        return distinct
    from sklearn.cluster import KMeans

    found = KMeans(count, n_init=1, random_state=0).fit(embeddings.double().cpu().numpy())
    return F.normalize(torch.from_numpy(found.cluster_centers_), dim=1).to(embeddings)
