"""Poolings against slow oracles, and the laws that they promise."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor

from fieldmark.errors import SettingError
from fieldmark.layers.pooling.global_pooling import (
    POOLINGS,
    AveragePool,
    CovariancePool,
    GeneralizedMeanPool,
    create_pooling,
    matrix_sqrt,
)


@pytest.fixture
def feature_map() -> Tensor:
    return torch.rand(3, 5, 4, 6, generator=torch.Generator().manual_seed(0)) + 0.1


def _covariances(count: int, dim: int, condition: float) -> Tensor:
    """Symmetric matrices whose eigenvalues span `condition`, in double precision."""
    generator = torch.Generator().manual_seed(dim)
    basis, _ = torch.linalg.qr(torch.randn(count, dim, dim, generator=generator, dtype=torch.float64))
    values = torch.logspace(0, -float(np.log10(condition)), dim, dtype=torch.float64)
    return basis @ torch.diag(values) @ basis.transpose(1, 2)


def _exact_sqrt(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag_embed(values.clamp_min(0).sqrt()) @ vectors.transpose(-2, -1)


@pytest.mark.parametrize("name", POOLINGS)
def test_dim_is_the_length_of_the_descriptor(name: str, feature_map: Tensor) -> None:
    pooling = create_pooling(name, 5, **({"projected": 3} if name == "cov" else {}))
    pooled = feature_map[..., 0, 0] if name == "cls" else feature_map  # a token is no map
    assert pooling(pooled).shape == (3, pooling.dim)


def test_an_unknown_pooling() -> None:
    with pytest.raises(SettingError) as raised:
        create_pooling("gme", 5)
    assert str(raised.value) == "unknown pooling 'gme': did you mean 'gem'? (known: avg, cls, cov, gem)"


def test_average_is_the_mean_of_all_places(feature_map: Tensor) -> None:
    slow = torch.stack([torch.stack([channel.sum() / 24 for channel in one]) for one in feature_map])
    torch.testing.assert_close(AveragePool(5)(feature_map), slow)


def test_generalized_mean_is_the_average_at_p_1(feature_map: Tensor) -> None:
    torch.testing.assert_close(GeneralizedMeanPool(5, 1.0)(feature_map), feature_map.mean((2, 3)))


def test_generalized_mean_tends_to_the_maximum(feature_map: Tensor) -> None:
    torch.testing.assert_close(GeneralizedMeanPool(5, 80.0)(feature_map), feature_map.amax((2, 3)), rtol=0.05, atol=0)


def test_generalized_mean_grows_with_p(feature_map: Tensor) -> None:
    pooled = [GeneralizedMeanPool(5, p)(feature_map) for p in (1.0, 2.0, 3.0, 8.0)]
    assert all((low <= high + 1e-6).all() for low, high in itertools.pairwise(pooled))


def test_generalized_mean_of_a_dead_channel_has_finite_gradients() -> None:
    dead = torch.full((1, 2, 3, 3), -1.0, requires_grad=True)
    pooling = GeneralizedMeanPool(2)
    pooling(dead).sum().backward()
    assert torch.isfinite(dead.grad).all()  # type: ignore[arg-type]
    assert torch.isfinite(pooling.p.grad)  # type: ignore[arg-type]


def test_generalized_mean_gradients() -> None:
    pooling = GeneralizedMeanPool(2).double()
    images = torch.rand(2, 2, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.2
    assert torch.autograd.gradcheck(pooling, (images.requires_grad_(True),))


@pytest.mark.parametrize("dim", [1, 2, 8])
def test_root_times_root_is_the_matrix(dim: int) -> None:
    matrix = _covariances(3, dim, 20.0)
    root = matrix_sqrt(matrix, iterations=20)
    torch.testing.assert_close(root @ root, matrix, rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(root, _exact_sqrt(matrix), rtol=1e-7, atol=1e-9)


def test_seven_iterations_are_close_where_the_matrix_is_well_conditioned() -> None:
    matrix = _covariances(4, 8, 10.0)
    torch.testing.assert_close(matrix_sqrt(matrix, 7), _exact_sqrt(matrix), rtol=0.02, atol=1e-3)


def test_few_iterations_never_overestimate_an_eigenvalue() -> None:
    """Small eigenvalues converge last and from below: that is the damping which the documentation speaks of."""
    matrix = _covariances(4, 16, 1e4)
    excess = torch.linalg.eigvalsh(_exact_sqrt(matrix)) - torch.linalg.eigvalsh(matrix_sqrt(matrix, 7))
    assert (excess > -1e-9).all()


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_the_root_scales_with_the_square_root(factor: float) -> None:
    matrix = _covariances(2, 6, 100.0)
    torch.testing.assert_close(matrix_sqrt(factor * matrix), factor**0.5 * matrix_sqrt(matrix))


def test_a_zero_matrix_gives_zeros_and_finite_gradients() -> None:
    matrix = torch.zeros(2, 4, 4, requires_grad=True)
    root = matrix_sqrt(matrix)
    assert (root == 0).all()
    root.sum().backward()
    assert torch.isfinite(matrix.grad).all()  # type: ignore[arg-type]


def test_matrix_root_gradients() -> None:
    half = torch.randn(2, 3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: matrix_sqrt(x @ x.transpose(1, 2) + torch.eye(3)), (half,))


def test_covariance_against_the_textbook() -> None:
    """Projection, covariance, exact square root and upper triangle, photo by photo in double precision."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(2, 6, 9, 8, generator=generator, dtype=torch.float64)
    pooling = CovariancePool(6, projected=4, iterations=25).double()
    got = pooling(images)
    weight, bias = pooling.projection.weight[:, :, 0, 0], pooling.projection.bias
    for image, descriptor in zip(images, got, strict=True):
        local = (weight @ image.flatten(1)).T + bias  # (N, d)
        covariance = torch.from_numpy(np.cov(local.detach().numpy(), rowvar=False, bias=True))
        root = _exact_sqrt(covariance)
        slow = [root[i, j] * (1.0 if i == j else 2**0.5) for i in range(4) for j in range(i, 4)]
        torch.testing.assert_close(descriptor, torch.stack(slow), rtol=1e-6, atol=1e-8)


def test_inner_products_are_those_of_the_matrices() -> None:
    pooling = CovariancePool(5, projected=5)
    images = torch.randn(2, 5, 7, 7, generator=torch.Generator().manual_seed(2))
    local = pooling.projection(images).flatten(2)
    local = local - local.mean(2, keepdim=True)
    roots = matrix_sqrt(local @ local.transpose(1, 2) / 49)
    one, other = pooling(images)
    torch.testing.assert_close(one @ other, (roots[0] * roots[1]).sum(), rtol=1e-4, atol=1e-5)


def test_covariance_does_not_see_a_constant_or_the_order_of_places() -> None:
    pooling = CovariancePool(4, projected=3)
    images = torch.randn(1, 4, 5, 5, generator=torch.Generator().manual_seed(3))
    shuffled = images.flatten(2)[:, :, torch.randperm(25)].reshape(images.shape)
    torch.testing.assert_close(pooling(images + 3.0), pooling(images), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(pooling(shuffled), pooling(images), rtol=1e-3, atol=1e-4)


def test_a_flat_image_has_finite_gradients() -> None:
    images = torch.ones(1, 4, 3, 3, requires_grad=True)
    descriptor = CovariancePool(4, projected=3)(images)
    descriptor.sum().backward()
    assert torch.isfinite(descriptor).all()
    assert torch.isfinite(images.grad).all()  # type: ignore[arg-type]


def test_covariance_gradients() -> None:
    pooling = CovariancePool(3, projected=2).double()
    images = torch.randn(1, 3, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    assert torch.autograd.gradcheck(pooling, (images.requires_grad_(True),))


def test_the_projection_is_the_principal_components() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 8)) * np.arange(1, 9) @ rng.normal(size=(8, 8)) + 5.0
    pooling = CovariancePool(8, projected=3)
    pooling.fit_projection(torch.from_numpy(rows).float())
    oracle = PCA(3, svd_solver="full").fit(rows)
    weight = pooling.projection.weight.detach()[:, :, 0, 0].numpy()
    agreement = (weight * oracle.components_).sum(1)
    np.testing.assert_allclose(np.abs(agreement), 1.0, atol=1e-4)
    projected = pooling.projection(torch.from_numpy(rows.T[None, :, :, None]).float())[0, :, :, 0].detach().numpy().T
    np.testing.assert_allclose(projected * np.sign(agreement), oracle.transform(rows), rtol=1e-3, atol=1e-2)


def test_the_signs_of_the_components_do_not_depend_on_the_solver() -> None:
    """The largest entry of each component is positive, whatever `eigh` returned."""
    rows = torch.randn(200, 6, generator=torch.Generator().manual_seed(5))
    pooling = CovariancePool(6, projected=4)
    pooling.fit_projection(rows)
    weight = pooling.projection.weight[:, :, 0, 0]
    assert (weight.gather(1, weight.abs().argmax(1, keepdim=True)) > 0).all()
    again = CovariancePool(6, projected=4)
    again.fit_projection(rows.flip(0))
    torch.testing.assert_close(again.projection.weight, pooling.projection.weight, rtol=1e-3, atol=1e-4)
