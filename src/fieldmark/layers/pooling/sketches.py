"""Compact bilinear pooling: random sketches whose inner products estimate those of bilinear descriptors.

For local features x and y of two images, the sketch s has E[<s(x), s(y)>] = <x, y>^2, with a variance proportional to
1 / dim. The random numbers are buffers, saved with the weights: another draw would be another space.

Source: Gao, Beijbom, Zhang, Darrell, "Compact bilinear pooling" (CVPR 2016), algorithms 1 and 2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from fieldmark.errors import unknown_name
from fieldmark.layers.pooling.bilinear import bilinear_pool
from fieldmark.layers.precision import at_least_float32, without_autocast

__all__ = ["SKETCHES", "RandomMaclaurin", "TensorSketch", "create_sketch"]


class TensorSketch(nn.Module):
    """Count sketches of two maps, convolved at each place and averaged.

    The convolution of two count sketches is the count sketch of the outer product: its bins are the sums of both
    hashes modulo `dim`, its signs the products of both signs. So the mean over places is a count sketch of the bilinear
    matrix: one matrix product and one scatter, exact, without Fourier transforms. It exports to ONNX.

    Args:
        channels_a: M, of the first map.
        channels_b: D, of the second one.
        dim: Length of the sketch.
        generator: For the hashes; torch's global one for None.
    """

    hash_a: Tensor
    hash_b: Tensor
    sign_a: Tensor
    sign_b: Tensor

    def __init__(
        self, channels_a: int, channels_b: int, dim: int = 8192, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.dim = dim
        for name, channels in (("a", channels_a), ("b", channels_b)):
            self.register_buffer(f"hash_{name}", torch.randint(dim, (channels,), generator=generator))
            self.register_buffer(f"sign_{name}", _signs((channels,), generator))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """(B, M, H, W) and (B, D, H, W) -> (B, dim)."""
        with without_autocast(a):
            signed_a = at_least_float32(a) * self.sign_a[:, None, None]
            signed_b = at_least_float32(b) * self.sign_b[:, None, None]
            entries = bilinear_pool(signed_a, signed_b).flatten(1)  # (B, M * D)
            bins = ((self.hash_a[:, None] + self.hash_b) % self.dim).flatten()  # (M * D,)
            empty = entries.new_zeros(entries.shape[0], self.dim)
            return empty.scatter_add(1, bins.expand_as(entries), entries)


class RandomMaclaurin(nn.Module):
    """Products of two random projections with entries -1 and 1, averaged over places.

    Args:
        channels_a: M, of the first map.
        channels_b: D, of the second one.
        dim: Length of the sketch.
        generator: For the projections; torch's global one for None.
    """

    weight_a: Tensor
    weight_b: Tensor

    def __init__(
        self, channels_a: int, channels_b: int, dim: int = 8192, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.dim = dim
        for name, channels in (("a", channels_a), ("b", channels_b)):
            # one byte for each entry: in float32 the two matrices are larger than most backbones
            self.register_buffer(f"weight_{name}", _signs((dim, channels), generator).to(torch.int8))

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """(B, M, H, W) and (B, D, H, W) -> (B, dim)."""
        with without_autocast(a):
            a, b = at_least_float32(a).flatten(2), at_least_float32(b).flatten(2)  # (B, M, N), (B, D, N)
            products: Tensor = (self.weight_a.to(a.dtype) @ a) * (self.weight_b.to(b.dtype) @ b)  # (B, dim, N)
            return products.mean(2) / math.sqrt(self.dim)


SKETCHES: dict[str, type[TensorSketch] | type[RandomMaclaurin]] = {
    "tensor_sketch": TensorSketch,
    "random_maclaurin": RandomMaclaurin,
}


def create_sketch(name: str, channels_a: int, channels_b: int, dim: int) -> TensorSketch | RandomMaclaurin:
    """Create a sketch by name, for maps with these numbers of channels.

    Raises:
        SettingError: There is no such sketch.
    """
    if name not in SKETCHES:
        raise unknown_name("sketch", name, SKETCHES)
    return SKETCHES[name](channels_a, channels_b, dim)


def _signs(shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    return torch.randint(2, shape, generator=generator).mul(2).sub(1).to(torch.get_default_dtype())
