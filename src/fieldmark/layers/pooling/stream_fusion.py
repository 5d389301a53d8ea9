"""Fuse two feature maps to one descriptor: bilinear pooling and its baselines (concatenation, sum, maximum)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fieldmark.errors import SettingError, unknown_name
from fieldmark.layers.pooling.bilinear import BilinearPool

__all__ = ["FUSIONS", "ConcatFusion", "Fusion", "MaxFusion", "SumFusion", "create_fusion", "match_grids"]


def match_grids(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Bring maps (B, M, H, W) and (B, D, H', W') to the coarser of both grids by interpolation."""
    if a.shape[2:] == b.shape[2:]:
        return a, b
    if a.shape[2] * a.shape[3] > b.shape[2] * b.shape[3]:
        return _resize(a, b), b
    return a, _resize(b, a)


def _resize(finer: Tensor, coarser: Tensor) -> Tensor:
    return F.interpolate(finer, size=coarser.shape[2:], mode="bilinear", align_corners=False)


class ConcatFusion(nn.Module):
    """Concatenate the means of both maps over places; the length is M + D."""

    def __init__(self, channels_a: int, channels_b: int) -> None:
        super().__init__()
        self.dim = channels_a + channels_b

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """(B, M, H, W) and (B, D, H, W) -> (B, M + D)."""
        return torch.cat([a.mean((2, 3)), b.mean((2, 3))], 1)


class SumFusion(nn.Module):
    """Mean over places of the sum of both maps."""

    def __init__(self, channels_a: int, channels_b: int) -> None:
        super().__init__()
        self.dim = _equal_channels("sum", channels_a, channels_b)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """(B, M, H, W) twice -> (B, M)."""
        return (a + b).mean((2, 3))


class MaxFusion(nn.Module):
    """Mean over places of the maximum of both maps."""

    def __init__(self, channels_a: int, channels_b: int) -> None:
        super().__init__()
        self.dim = _equal_channels("max", channels_a, channels_b)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """(B, M, H, W) twice -> (B, M)."""
        return torch.maximum(a, b).mean((2, 3))


Fusion = BilinearPool | ConcatFusion | SumFusion | MaxFusion

FUSIONS: dict[str, type[Fusion]] = {
    "bilinear": BilinearPool,
    "concat": ConcatFusion,
    "sum": SumFusion,
    "max": MaxFusion,
}


def create_fusion(name: str, channels_a: int, channels_b: int) -> Fusion:
    """Create a fusion by name, for maps with these numbers of channels.

    Raises:
        SettingError: There is no such fusion, or it needs equal numbers of channels.
    """
    if name not in FUSIONS:
        raise unknown_name("fusion", name, FUSIONS)
    return FUSIONS[name](channels_a, channels_b)


def _equal_channels(name: str, channels_a: int, channels_b: int) -> int:
    if channels_a != channels_b:
        raise SettingError(
            f"the fusion '{name}' needs two maps with equally many channels, but they have {channels_a} and "
            f"{channels_b}: set projected to the number that both are to have"
        )
    return channels_a
