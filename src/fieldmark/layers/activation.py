"""How likely each place of a feature map shows the object: by its activation, or by learned weights."""

from __future__ import annotations

from torch import Tensor

__all__ = ["place_activation", "place_scores"]


def place_activation(feature_map: Tensor) -> Tensor:
    """Return the sum of the channels at each place: (B, C, H, W) -> (B, H * W).

    Source: Wei, Luo, Wu, Zhou, "Selective convolutional descriptor aggregation for fine-grained image retrieval" (IEEE
    Transactions on Image Processing, 2017), equation 1.
    """
    return feature_map.sum(1).flatten(1)


def place_scores(local: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted sum of the channels at each place: (B, C, H, W) and (C,) -> (B, H * W)."""
    return (local * weight[:, None, None]).sum(1).flatten(1)
