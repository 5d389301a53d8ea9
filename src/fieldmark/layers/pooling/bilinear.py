"""Bilinear pooling: the correlation of each channel of one map with each channel of another, over places.

Source: Lin, RoyChowdhury, Maji, "Bilinear CNN models for fine-grained visual recognition" (ICCV 2015), section 3.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fieldmark.layers.pooling.global_pooling import matrix_sqrt
from fieldmark.layers.precision import at_least_float32, without_autocast
from fieldmark.layers.unit_length import with_factors

__all__ = ["BilinearPool", "RootBilinearPool", "bilinear_pool", "power_normalize", "signed_sqrt"]


def bilinear_pool(a: Tensor, b: Tensor) -> Tensor:
    """Return the mean over places of the outer products: (B, M, H, W) and (B, D, H, W) -> (B, M, D).

    It is one matrix product for each image, in float32 or more, so memory does not grow with places times M times D.
    """
    with without_autocast(a):
        a, b = at_least_float32(a).flatten(2), at_least_float32(b).flatten(2)  # (B, M, N), (B, D, N)
        # divide within the product: a second operation would hold the matrix twice
        return torch.baddbmm(a.new_zeros(1, 1, 1), a, b.transpose(1, 2), beta=0, alpha=1 / a.shape[2])


def signed_sqrt(x: Tensor, eps: float = 1e-5) -> Tensor:
    """Return sign(x) (sqrt(|x| + eps) - sqrt(eps)), whose slope at zero is finite: 1 / (2 sqrt(eps))."""
    divisor: Tensor = (x.abs() + eps).sqrt() + eps**0.5
    return x / divisor


def power_normalize(x: Tensor, eps: float = 1e-5) -> Tensor:
    """Take the signed square root, then scale to unit length: (B, D) -> (B, D).

    Zeros stay zeros, with finite gradients. See `constant_factors` for evidence.
    """
    with without_autocast(x):
        values = at_least_float32(x)
        return with_factors(values, F.normalize(signed_sqrt(values, eps), dim=1, eps=eps))


class BilinearPool(nn.Module):
    """Bilinear descriptor of two maps on one grid; D = M * D'.

    Args:
        channels_a: M, of the first map.
        channels_b: D', of the second one.
    """

    def __init__(self, channels_a: int, channels_b: int) -> None:
        super().__init__()
        self.dim = channels_a * channels_b

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """(B, M, H, W) and (B, D', H, W) -> (B, M * D')."""
        return bilinear_pool(a, b).flatten(1)


class RootBilinearPool(nn.Module):
    """Matrix square root of the bilinear matrix of a map with itself, which flattens its spectrum; D = M * M.

    Source: Lin, Maji, "Improved bilinear pooling with CNNs" (BMVC 2017).

    Args:
        channels: M.
        iterations: Newton-Schulz iterations.
    """

    def __init__(self, channels: int, iterations: int = 7) -> None:
        super().__init__()
        self.dim = channels**2
        self.iterations = iterations

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """The same map (B, M, H, W) twice -> (B, M * M)."""
        with without_autocast(a):
            return matrix_sqrt(bilinear_pool(a, b), self.iterations).flatten(1)
