"""Weakly supervised selection: classify every place of a map, and keep the places whose class is most certain.

Source: Chou, Lin, Kao, "A novel plug-in module for fine-grained visual classification" (2022), section 3.2.
"""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["PlaceClassifier", "gather_places", "rank_places"]


class PlaceClassifier(nn.Module):
    """Logits of every place: 1x1 convolution, batch norm, ReLU, 1x1 convolution.

    Args:
        channels: C.
        num_classes: K.
    """

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels), nn.ReLU())
        self.classify = nn.Conv2d(channels, num_classes, 1)

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, K, H * W)."""
        logits: Tensor = self.classify(self.hidden(feature_map)).flatten(2)
        return logits


def rank_places(logits: Tensor) -> Tensor:
    """Return the places by falling probability of their most probable class: (B, K, N) -> (B, N).

    The log odds of that class against all others have the same order, and no ties where probabilities round to 1.
    """
    logits = logits.float()
    best = logits.max(1, keepdim=True)
    others = logits.scatter(1, best.indices, float("-inf")).logsumexp(1)
    return (best.values[:, 0] - others).argsort(1, descending=True)


def gather_places(values: Tensor, places: Tensor) -> Tensor:
    """Return the columns of some places: (B, C, N) and (B, S) -> (B, C, S)."""
    return values.gather(2, places[:, None].expand(-1, values.shape[1], -1))
