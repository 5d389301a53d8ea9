"""Bilinear pooling against loops, its laws, and the memory it must not take."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from fieldmark.layers.pooling.bilinear import (
    BilinearPool,
    RootBilinearPool,
    bilinear_pool,
    power_normalize,
    signed_sqrt,
)
from fieldmark.layers.pooling.global_pooling import CovarianceRoot


def maps(seed: int = 0, channels: tuple[int, int] = (3, 5), grid: tuple[int, int] = (4, 2)) -> tuple[Tensor, Tensor]:
    """Two maps in double precision, with negative entries."""
    generator = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(2, count, *grid, generator=generator, dtype=torch.float64) for count in channels)
    return a, b


def test_the_sum_of_outer_products_location_by_location() -> None:
    a, b = maps()
    got = bilinear_pool(a, b)
    assert got.shape == (2, 3, 5)
    for photo in range(2):
        slow = torch.zeros(3, 5, dtype=torch.float64)
        for i in range(4):
            for j in range(2):
                for m in range(3):
                    for d in range(5):
                        slow[m, d] += a[photo, m, i, j] * b[photo, d, i, j] / 8
        torch.testing.assert_close(got[photo], slow)


def test_the_descriptor_has_m_times_d_numbers() -> None:
    a, b = maps()
    pool = BilinearPool(3, 5)
    assert pool.dim == 15
    assert pool(a, b).shape == (2, 15)


def test_the_order_of_locations_does_not_matter() -> None:
    a, b = maps()
    torch.testing.assert_close(bilinear_pool(a.flip(2, 3), b.flip(2, 3)), bilinear_pool(a, b))


def test_exchanged_streams_give_the_transposed_matrix() -> None:
    a, b = maps()
    torch.testing.assert_close(bilinear_pool(b, a), bilinear_pool(a, b).transpose(1, 2))


def test_no_outer_product_of_a_single_location_is_kept() -> None:
    """What autograd saves for the backward pass is no larger than maps and matrix."""
    a, b = (torch.randn(1, 16, 12, 12, requires_grad=True) for _ in range(2))
    sizes: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda kept: (sizes.append(kept.numel()), kept)[1], lambda kept: kept
    ):
        bilinear_pool(a, b)
    assert sizes
    assert max(sizes) <= a.numel()


@pytest.mark.parametrize("layer", [BilinearPool(3, 3), RootBilinearPool(3)])
def test_gradients_of_the_pools(layer: torch.nn.Module) -> None:
    a, b = maps(channels=(3, 3))
    assert torch.autograd.gradcheck(lambda x: layer(x, x), (a.requires_grad_(True),))
    if isinstance(layer, BilinearPool):
        assert torch.autograd.gradcheck(layer, (a, b.requires_grad_(True)))


def test_gradients_of_the_normalisation() -> None:
    x = torch.tensor([[0.3, -0.2, 0.0], [1.0, 1e-6, -4.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda y: power_normalize(y, eps=1e-2), (x,))  # finite differences want it smooth


def test_signed_sqrt_is_odd_and_close_to_the_root() -> None:
    x = torch.tensor([-4.0, -0.25, 0.0, 0.25, 4.0], dtype=torch.float64)
    exact = x.sign() * x.abs().sqrt()
    torch.testing.assert_close(signed_sqrt(x), -signed_sqrt(-x))
    torch.testing.assert_close(signed_sqrt(x, eps=1e-12), exact, atol=2e-6, rtol=0)
    assert (signed_sqrt(x) - exact).abs().max() <= math.sqrt(1e-5)


def test_descriptors_have_unit_length() -> None:
    normalized = power_normalize(BilinearPool(3, 5)(*maps()))
    torch.testing.assert_close(normalized.norm(dim=1), torch.ones(2, dtype=torch.float64))


def test_a_blank_map_gives_zeros_and_finite_gradients() -> None:
    blank = torch.zeros(2, 4, 3, 3, requires_grad=True)
    descriptor = power_normalize(bilinear_pool(blank, blank).flatten(1))
    assert (descriptor == 0).all()
    descriptor.sum().backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(blank.grad).all()  # type: ignore[arg-type]


def test_the_number_of_locations_only_shows_in_eps() -> None:
    a, b = maps()
    once, thousandfold = (power_normalize(factor * bilinear_pool(a, b).flatten(1), 1e-12) for factor in (1.0, 1e3))
    torch.testing.assert_close(once, thousandfold, atol=1e-5, rtol=0)


@pytest.mark.parametrize("layer", [bilinear_pool, lambda a, b: CovarianceRoot(4)(a)])
def test_autocast_does_not_reach_the_matrix_product(layer) -> None:  # type: ignore[no-untyped-def]
    a = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = layer(a, a)
    assert inside.dtype == torch.float32
    torch.testing.assert_close(inside, layer(a, a))
    assert layer(a.bfloat16(), a.bfloat16()).dtype == torch.float32


def test_root_times_root_is_the_bilinear_matrix() -> None:
    a, _ = maps(channels=(3, 3), grid=(6, 6))
    root = RootBilinearPool(3, iterations=20)(a, a).unflatten(1, (3, 3))
    torch.testing.assert_close(root @ root, bilinear_pool(a, a), rtol=1e-8, atol=1e-10)


def test_fifteen_iterations_give_the_root_of_a_covariance() -> None:
    generator = torch.Generator().manual_seed(0)
    local = torch.randn(2, 8, 20, 20, generator=generator, dtype=torch.float64)
    layer = CovarianceRoot(8, iterations=15).double()
    flat = torch.zeros(2, 8, 8, dtype=torch.float64)
    flat[:, layer.rows, layer.columns] = layer(local) / layer.scale
    root = flat + flat.triu(1).transpose(1, 2)
    centred = local.flatten(2) - local.flatten(2).mean(2, keepdim=True)
    covariance = centred @ centred.transpose(1, 2) / 400
    error = (root @ root - covariance).norm(dim=(1, 2)) / covariance.norm(dim=(1, 2))
    assert (error < 1e-3).all()


def test_gradients_of_the_root_of_a_covariance() -> None:
    a, _ = maps(channels=(3, 3), grid=(4, 4))
    assert torch.autograd.gradcheck(CovarianceRoot(3, iterations=5).double(), (a.requires_grad_(True),))
