"""Graph combiner: pool selected places to a few nodes, exchange them by a graph convolution, and join them.

Source: Chou, Lin, Kao, "A novel plug-in module for fine-grained visual classification" (2022), section 3.3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fieldmark.layers.unit_length import factors_are_constant

__all__ = ["GraphCombiner"]

PLACES_PER_NODE = 32


class GraphCombiner(nn.Module):
    """Places to nodes, one graph convolution with a learned and a computed adjacency, nodes to one vector.

    With its adjacency held constant (`constant_factors`) and in evaluation, it is linear plus a constant.

    Args:
        places: S, the number of selected places.
        channels: C.
    """

    def __init__(self, places: int, channels: int) -> None:
        super().__init__()
        nodes = max(2, places // PLACES_PER_NODE)
        self.to_nodes = nn.Linear(places, nodes)
        self.adjacency = nn.Parameter(torch.eye(nodes) / 100 + 1 / 100)
        self.query = nn.Conv1d(channels, max(1, channels // 4), 1)
        self.key = nn.Conv1d(channels, max(1, channels // 4), 1)
        self.alpha = nn.Parameter(torch.zeros(1))
        self.convolve = nn.Conv1d(channels, channels, 1)
        self.norm = nn.BatchNorm1d(channels)
        self.join = nn.Linear(nodes, 1)

    def forward(self, selected: Tensor) -> Tensor:
        """(B, C, S) of the selected places -> (B, C)."""
        nodes = self.to_nodes(selected)  # (B, C, J)
        return self.exchange(nodes, self.edges(nodes))

    def edges(self, nodes: Tensor) -> Tensor:
        """Return the adjacency (B, J, J): the learned one plus alpha tanh(q_i - k_j) of the nodes (B, C, J)."""
        query, key = self.query(nodes).mean(1), self.key(nodes).mean(1)  # (B, J)
        adjacency = self.adjacency + self.alpha * torch.tanh(query[:, :, None] - key[:, None])
        return adjacency.detach() if factors_are_constant() else adjacency

    def exchange(self, nodes: Tensor, adjacency: Tensor) -> Tensor:
        """Return the joined vector (B, C) of nodes (B, C, J) under an adjacency (B, J, J)."""
        joined: Tensor = self.join(self.norm(self.convolve(nodes) @ adjacency))
        return joined[:, :, 0]
