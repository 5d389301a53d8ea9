"""Products of projected levels against loops."""

from __future__ import annotations

import pytest
import torch

from fieldmark.backbones.levels import feature_levels
from fieldmark.layers.pooling.bilinear import power_normalize
from fieldmark.layers.pooling.stream_fusion import match_grids
from fieldmark.methods.build import build_method
from fieldmark.methods.hierarchical_bilinear import HierarchicalBilinear


def hierarchical(**options: object) -> HierarchicalBilinear:
    method = build_method("hierarchical_bilinear", 7, {"backbone": "test_efficientnet", **options}, 64)
    assert isinstance(method, HierarchicalBilinear)
    return method.eval()


@torch.no_grad()
def test_each_pair_of_levels_place_by_place() -> None:
    method, images = hierarchical(levels=3, rank=5), torch.rand(2, 3, 64, 64)
    maps = feature_levels(method.backbone, images, 3)
    grid = maps[-1]
    projected = [project(match_grids(level, grid)[0]) for project, level in zip(method.project, maps, strict=True)]
    parts = []
    for one, other in ((0, 1), (0, 2), (1, 2)):
        places = [(i, j) for i in range(grid.shape[2]) for j in range(grid.shape[3])]
        total = sum(projected[one][:, :, i, j] * projected[other][:, :, i, j] for i, j in places)
        parts.append(power_normalize(total / len(places)))
    torch.testing.assert_close(method(images).embedding, torch.cat(parts, 1))


@torch.no_grad()
def test_a_single_level_is_a_low_rank_bilinear_form() -> None:
    """Each number is the sum of u_m v_n X_mn over all pairs of channels of the bilinear matrix X."""
    method, images = hierarchical(levels=1, rank=6), torch.rand(1, 3, 64, 64)
    for project in method.project:
        project.bias.zero_()  # type: ignore[union-attr,operator]
    local = feature_levels(method.backbone, images, 1)[0].flatten(2)[0]  # (C, N)
    matrix = local @ local.T / local.shape[1]
    u, v = (project.weight[:, :, 0, 0] for project in method.project)  # type: ignore[index,union-attr]
    forms = torch.stack([(torch.outer(u[k], v[k]) * matrix).sum() for k in range(6)])  # type: ignore[arg-type]
    torch.testing.assert_close(method(images).embedding, power_normalize(forms[None]), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("levels", "pairs"), [(1, 1), (2, 1), (3, 3), (4, 6)])
def test_the_length_of_the_descriptor(levels: int, pairs: int) -> None:
    assert hierarchical(levels=levels, rank=4)(torch.rand(1, 3, 64, 64)).embedding.shape == (1, 4 * pairs)


def test_only_the_classifier_trains_first() -> None:
    assert [stage.freeze for stage in hierarchical().stages()] == ["all", None]
