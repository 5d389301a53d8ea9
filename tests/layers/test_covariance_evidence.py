"""Evidence through the covariance root in closed form, against gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fieldmark.explain.local_evidence import logit_evidence
from fieldmark.layers.pooling.global_pooling import CovariancePool, CovarianceRoot, matrix_sqrt, matrix_sqrt_gradient
from fieldmark.methods.build import build_method
from fieldmark.methods.pooled import PooledMethod


@pytest.mark.parametrize("iterations", [1, 3, 7])
def test_the_gradient_of_the_root_is_that_of_autograd(iterations: int) -> None:
    torch.manual_seed(0)
    factor = torch.randn(3, 6, 9, dtype=torch.float64)
    matrix = (factor @ factor.transpose(1, 2)).requires_grad_()
    upstream = torch.randn(3, 6, 6, dtype=torch.float64)
    (expected,) = torch.autograd.grad((matrix_sqrt(matrix, iterations) * upstream).sum(), matrix)
    found = matrix_sqrt_gradient(matrix.detach(), upstream, iterations)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize("pool", [CovarianceRoot(5), CovariancePool(8, 5)])
def test_contributions_of_places_add_up_to_the_score(pool: CovarianceRoot | CovariancePool) -> None:
    torch.manual_seed(0)
    channels = 5 if isinstance(pool, CovarianceRoot) else 8
    maps = torch.randn(2, channels, 4, 3)
    weight = torch.randn(2, pool.dim)
    with torch.no_grad():
        descriptor, shown = pool(maps), pool.evidence(maps, weight)
    assert shown.shape == (2, 4, 3)
    torch.testing.assert_close(shown.sum((1, 2)), (descriptor * weight).sum(1), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("poolings", [("cov",), ("avg", "cov"), ("gem", "cov"), ("avg", "gem", "cov")])
def test_class_evidence_is_that_of_the_explainer(poolings: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    method = build_method("linear_probe", 5, {"backbone": "test_efficientnet", "poolings": poolings}, 64).eval()
    assert isinstance(method, PooledMethod)
    for name, dim in method.pool.dims.items():
        method.set_scaling(name, torch.randn(dim), 0.7)
    image = torch.randn(1, 3, 64, 64)
    expected = logit_evidence(method, image, (3, 1))
    total = np.sum([patch.values for patch in expected.patches], axis=0)
    with torch.no_grad():
        features = method.local_features(image)
        for row, label in enumerate((3, 1)):
            found = method.class_evidence(features, torch.tensor([label]))[0].numpy()
            np.testing.assert_allclose(found, total[row], atol=1e-4 * np.abs(total[row]).max())
