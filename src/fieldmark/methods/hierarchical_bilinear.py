"""``hierarchical_bilinear``: low-rank bilinear pooling of pairs of a backbone's last stages.

Source: Yu, Zhao, Zheng, Zhang, You, "Hierarchical bilinear pooling for fine-grained visual recognition" (ECCV 2018);
Kim, On, Lim, Kim, Ha, Zhang, "Hadamard product for low-rank bilinear pooling" (ICLR 2017).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.backbones.levels import feature_levels, level_channels
from fieldmark.layers.pooling.bilinear import power_normalize
from fieldmark.layers.pooling.stream_fusion import match_grids
from fieldmark.layers.precision import at_least_float32, without_autocast
from fieldmark.methods import register_method
from fieldmark.methods.base import LocalFeatures, LocalMap, Method, ModelOutput, Stage
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.methods.two_stream import classifier_first

__all__ = ["HierarchicalBilinear"]


@dataclass(slots=True)
class HierarchicalFeatures(LocalFeatures):
    """The projected levels: `maps` holds the first factor of each product.

    Attributes:
        partners: (B, d, H, W) each, the second factors: all levels but the first.
    """

    partners: list[Tensor] = field(default_factory=list)


@register_method("hierarchical_bilinear")
class HierarchicalBilinear(Method):
    """Each level projected to `rank` channels; products of each pair of levels, averaged over places; a linear layer.

    Args:
        backbone: Its last `levels` stages are compared, on the grid of the last one.
        num_classes: K.
        **options: See `Settings`.

    """

    class Settings(GradientSettings):
        """Low-rank bilinear pooling of each pair of the backbone's last stages."""

        method: Literal["hierarchical_bilinear"] = "hierarchical_bilinear"
        levels: int = Field(3, ge=1, le=5, description="stages that are compared; 1 compares the last one with itself")
        rank: int = Field(2048, ge=1, description="channels that each stage is projected to")

    def __init__(self, backbone: Backbone, num_classes: int, *, levels: int, rank: int) -> None:
        super().__init__(backbone, num_classes)
        self.levels = levels
        channels = level_channels(backbone, levels)
        factors = channels * 2 if levels == 1 else channels
        self.project = nn.ModuleList(nn.Conv2d(count, rank, 1) for count in factors)
        self.pairs = list(combinations(range(len(factors)), 2))
        self.head = nn.Linear(rank * len(self.pairs), num_classes)

    def local_features(self, images: Tensor) -> HierarchicalFeatures:
        """Compute the projections of all levels on the grid of the last one, (B, d, H, W) each."""
        maps = feature_levels(self.backbone, images, self.levels)
        last = maps[-1]
        factors = [last, last] if self.levels == 1 else [match_grids(level, last)[0] for level in maps]
        projected = [at_least_float32(project(factor)) for project, factor in zip(self.project, factors, strict=True)]
        return HierarchicalFeatures([LocalMap(one) for one in projected[:-1]], feature_map=last, partners=projected[1:])

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Compute logits (B, K) and the descriptor (B, pairs * d)."""
        assert isinstance(features, HierarchicalFeatures)
        firsts, partners = [one.features for one in features.maps], features.partners
        with without_autocast(firsts[0]):
            products = [(firsts[i] * partners[j - 1]).mean((2, 3)) for i, j in self.pairs]
        embedding = torch.cat([power_normalize(product) for product in products], 1)
        return ModelOutput(self.head(embedding), embedding, feature_map=features.feature_map)

    @property
    def evidence_note(self) -> str:
        held = "the signed root and the descriptor's length held fixed"
        return f"products of two levels' features at one place, exactly, {held}"

    def stages(self) -> list[Stage]:
        return classifier_first()
