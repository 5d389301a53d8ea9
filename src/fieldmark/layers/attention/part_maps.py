"""Part attention maps as weighted groups of channels, and the losses that make them compact and diverse.

Source: Zheng, Fu, Mei, Luo, "Learning multi-attention convolutional neural network for fine-grained image recognition"
(ICCV 2017), sections 3.1 and 3.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fieldmark.layers.precision import at_least_float32, without_autocast

__all__ = ["ChannelGrouping", "distance_loss", "diversity_loss", "part_features"]

_CONTRAST = 2.0
_THRESHOLD = 1.0
_INDICATOR = 4.0
_EPS = 1e-6


class ChannelGrouping(nn.Module):
    """A weight between 0 and 1 for each channel and part, predicted from the image; weighted sums give the part maps.

    A sum of hundreds of channels would drive the paper's sigmoid to 1 everywhere. So each map is standardised over the
    places first, and the midpoint of the sigmoid is one standard deviation above the mean.

    Args:
        channels: C.
        num_parts: N.
        hidden: Units of the first dense layer.
    """

    def __init__(self, channels: int, num_parts: int, hidden: int = 128) -> None:
        super().__init__()
        self.num_parts = num_parts
        self.even = nn.LayerNorm(channels, elementwise_affine=False)
        self.hidden = nn.Linear(channels, hidden)
        self.weigh = nn.Linear(hidden, num_parts * channels)

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, H, W) -> maps (B, N, H, W) between 0 and 1."""
        with without_autocast(feature_map):
            places = at_least_float32(feature_map).flatten(2)  # (B, C, H * W)
            weights = self.channel_weights(places.mean(2))
            weights = weights / weights.sum(2, keepdim=True).clamp_min(_EPS)
            response = weights @ places  # (B, N, H * W)
            centred = response - response.mean(2, keepdim=True)
            deviation = (centred.square().mean(2, keepdim=True) + _EPS).sqrt()
            maps = (_CONTRAST * (centred / deviation - _THRESHOLD)).sigmoid()
            return maps.reshape(*maps.shape[:2], *feature_map.shape[2:])

    def channel_weights(self, pooled: Tensor) -> Tensor:
        """Means over places (B, C) -> weights (B, N, C)."""
        weights: Tensor = self.weigh(self.hidden(self.even(pooled)).tanh()).sigmoid()
        return weights.reshape(-1, self.num_parts, pooled.shape[1])

    @torch.no_grad()
    def start_from(self, groups: Tensor) -> None:
        """Set the weights from groups (C,), the same for every image: near 1 in a channel's own part, else near 0."""
        inside = groups[None] == torch.arange(self.num_parts, device=groups.device)[:, None]  # (N, C)
        self.weigh.bias.copy_(torch.where(inside, _INDICATOR, -_INDICATOR).flatten())
        self.weigh.weight.zero_()


def part_features(feature_map: Tensor, maps: Tensor) -> Tensor:
    """Return the mean feature under each map: (B, C, H, W) and (B, N, H, W) -> (B, N, C)."""
    with without_autocast(feature_map):
        return _shares(at_least_float32(maps)) @ at_least_float32(feature_map).flatten(2).transpose(1, 2)


def distance_loss(maps: Tensor) -> Tensor:
    """Return how far each map spreads from its peak (Dis in the paper).

    Args:
        maps: (B, N, H, W), positive. Each is normalised to sum 1, so that a weak map has no advantage.

    Returns:
        Scalar: mean squared distance over images and parts, in units of the map's sides.
    """
    height, width = maps.shape[2:]
    places = torch.cartesian_prod(_centres(height, maps), _centres(width, maps))  # (H * W, 2), y and x
    shares = _shares(maps)
    peak = places[shares.argmax(2)]  # (B, N, 2)
    squared = (places - peak[:, :, None]).square().sum(3)  # (B, N, H * W)
    return (shares * squared).sum(2).mean()


def diversity_loss(maps: Tensor, margin: float) -> Tensor:
    """Return the overlap of each map with the highest other map (Div in the paper).

    Args:
        maps: (B, N, H, W) between 0 and 1, at least two.
        margin: Overlap that costs nothing.

    Returns:
        Scalar: mean over images and parts, between -margin and 1 - margin.
    """
    flat = maps.flatten(2)
    parts = range(flat.shape[1])
    others = [flat[:, [other for other in parts if other != part]].amax(1) for part in parts]
    return (_shares(maps) * (torch.stack(others, 1) - margin)).sum(2).mean()


def _shares(maps: Tensor) -> Tensor:
    """Normalise positive maps (B, N, H, W) to sum 1, (B, N, H * W)."""
    flat = maps.flatten(2)
    return flat / flat.sum(2, keepdim=True).clamp_min(_EPS)


def _centres(count: int, like: Tensor) -> Tensor:
    return (torch.arange(count, device=like.device, dtype=like.dtype) + 0.5) / count
