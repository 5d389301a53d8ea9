"""Gates that weight the channels and the places of a feature map. Each starts as the identity.

A gate is 2 sigmoid(g) instead of the papers' sigmoid(g), with g = 0 at the start: pretrained maps pass unchanged at
first, and training learns what to raise (up to twofold) and what to lower.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["BlockAttention", "ChannelAttention", "SpatialAttention"]


class ChannelAttention(nn.Module):
    """One weight for each channel, from the globally pooled map.

    With ``pools=("avg",)`` this is squeeze-and-excitation; with ``("avg", "max")`` the channel half of CBAM, whose
    pooled vectors pass the same small network and are added.

    Source: Hu, Shen, Sun, "Squeeze-and-excitation networks" (CVPR 2018); Woo, Park, Lee, Kweon, "CBAM: convolutional
    block attention module" (ECCV 2018), eq. 2.

    Args:
        channels: C.
        reduction: The hidden layer has C / reduction units, at least one.
        pools: ``avg``, ``max`` or both.
    """

    def __init__(self, channels: int, reduction: int = 16, pools: tuple[str, ...] = ("avg", "max")) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.pools = pools
        self.network = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))
        last = self.network[-1]
        nn.init.zeros_(last.weight)  # type: ignore[arg-type]
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def extra_repr(self) -> str:
        return f"pools={self.pools}"

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, H, W) -> weights (B, C, 1, 1) between 0 and 2."""
        pooled = {"avg": feature_map.mean((2, 3)), "max": feature_map.amax((2, 3))}
        gate = torch.stack([self.network(pooled[name]) for name in self.pools]).sum(0)
        return 2.0 * gate.sigmoid()[:, :, None, None]


class SpatialAttention(nn.Module):
    """One weight for each place, from the mean and the maximum over channels in its neighbourhood.

    Source: Woo, Park, Lee, Kweon, "CBAM: convolutional block attention module" (ECCV 2018), eq. 3.

    Args:
        kernel_size: Of the convolution; odd.
    """

    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = nn.BatchNorm2d(1)
        nn.init.zeros_(self.norm.weight)  # not the convolution: batch norm must not divide by zero

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, H, W) -> weights (B, 1, H, W) between 0 and 2."""
        summary = torch.cat([feature_map.amax(1, keepdim=True), feature_map.mean(1, keepdim=True)], 1)
        gate: Tensor = self.norm(self.convolution(summary))
        return 2.0 * gate.sigmoid()


class BlockAttention(nn.Module):
    """CBAM: channel attention, then spatial attention.

    Args:
        channels: C.
        reduction: Of `ChannelAttention`.
        kernel_size: Of `SpatialAttention`.
    """

    def __init__(self, channels: int, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__()
        self.channel = ChannelAttention(channels, reduction)
        self.spatial = SpatialAttention(kernel_size)

    def forward(self, feature_map: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) -> the weighted map (B, C, H, W) and the weights of the places (B, 1, H, W)."""
        weighted = feature_map * self.channel(feature_map)
        places = self.spatial(weighted)
        return weighted * places, places
