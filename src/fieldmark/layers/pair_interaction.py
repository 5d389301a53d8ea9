"""Attentive pairwise interaction: two photos attend to their features by what distinguishes them.

Source: Zhuang, Wang, Qiao, "Learning attentive pairwise interaction for fine-grained classification" (AAAI 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["InteractedPairs", "PairInteraction", "nearest_pairs"]


@dataclass(frozen=True, slots=True)
class InteractedPairs:
    """Features of n pairs after their interaction, (n, D) each.

    Attributes:
        own: Of the first and the second photo, attended by their own gates.
        other: Of the first and the second photo, attended by the gates of the other one.
    """

    own: tuple[Tensor, Tensor]
    other: tuple[Tensor, Tensor]


class PairInteraction(nn.Module):
    """The mutual vector of a pair, the gates that it opens in both photos, and the features behind them (eq. 1 to 3).

    Args:
        dim: D of the features.
        hidden: Width of the perceptron that computes the mutual vector.
    """

    def __init__(self, dim: int, hidden: int = 512) -> None:
        super().__init__()
        self.narrow = nn.Linear(2 * dim, hidden)
        self.widen = nn.Linear(hidden, dim)

    @property
    def hidden(self) -> int:
        return self.narrow.out_features

    def forward(self, first: Tensor, second: Tensor, kept: Tensor) -> InteractedPairs:
        """Let n pairs interact.

        Args:
            first: (n, D).
            second: (n, D).
            kept: (n, hidden), factors of a dropout on the perceptron's hidden layer; ones for none.
        """
        mutual = self.widen(kept * self.narrow(torch.cat([first, second], 1)))
        gate, other_gate = torch.sigmoid(mutual * first), torch.sigmoid(mutual * second)
        return InteractedPairs(
            own=(first + first * gate, second + second * other_gate),
            other=(first + first * other_gate, second + second * gate),
        )


@torch.no_grad()
def nearest_pairs(features: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Pair each photo with the nearest photo of its class, then each with the nearest photo of another class.

    Args:
        features: (B, D), compared by Euclidean distance.
        classes: (B,).

    Returns:
        Positions of both photos of each pair, (n,) each. A photo without such a partner forms no pair of that kind.
    """
    features = features.float()
    distances = torch.cdist(features, features, compute_mode="donot_use_mm_for_euclid_dist")
    same = classes[:, None] == classes[None]
    itself = torch.eye(len(classes), dtype=torch.bool, device=classes.device)
    firsts, seconds = [], []
    for allowed in (same & ~itself, ~same):
        first = allowed.any(1).nonzero()[:, 0]
        firsts.append(first)
        seconds.append(distances.masked_fill(~allowed, float("inf"))[first].argmin(1))
    return torch.cat(firsts), torch.cat(seconds)
