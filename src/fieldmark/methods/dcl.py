"""``dcl``: photos with shuffled regions are classified too, recognised as shuffled, and put back together.

Source: Chen, Bai, Zhang, Mei, "Destruction and construction learning for fine-grained image recognition" (CVPR 2019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.layers.regions.region_confusion import confuse_regions, region_centers
from fieldmark.methods import register_method
from fieldmark.methods.base import LocalFeatures, LocalMap, ModelOutput
from fieldmark.methods.pooled import PooledMethod
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["DCL", "DCLOutput"]


@dataclass(slots=True)
class DCLFeatures(LocalFeatures):
    """The maps of a batch, and in training those of the same photos with shuffled regions.

    Attributes:
        destructed: (B, C, H, W) of the shuffled photos; None in evaluation.
        order: (B, N²), see `confuse_regions`.
    """

    destructed: Tensor | None = None
    order: Tensor | None = None


@dataclass(slots=True, kw_only=True)
class DCLOutput(ModelOutput):
    """The output of a training step. Rows of 2 B hold the photos, then the shuffled ones.

    Attributes:
        destructed_logits: (B, K) of the shuffled photos.
        discriminated: (2 B, 2), logits of "original" and "shuffled".
        located: (2 B, 2, N, N), where each region is predicted to come from.
        origins: (2 B, 2, N, N), where it comes from; see `region_centers`.
    """

    destructed_logits: Tensor
    discriminated: Tensor
    located: Tensor
    origins: Tensor


@register_method("dcl")
class DCL(PooledMethod):
    """Average pooling and a linear layer, trained on photos and on the same photos with shuffled regions.

    A linear discriminator tells both kinds apart, and a 1x1 convolution predicts where each region comes from. Answers
    use neither.

    Args:
        backbone: Its feature map is averaged.
        num_classes: K.
        **options: See `Settings`.
    """

    makes_views = True

    class Settings(GradientSettings):
        """Photos with shuffled regions are classified too, recognised as shuffled, and put back together."""

        method: Literal["dcl"] = "dcl"
        regions: int = Field(7, ge=2, description="regions along each side of the photo")
        reach: int = Field(2, ge=1, description="how far the random shift of a region reaches, in regions")
        adversarial_weight: float = Field(1.0, ge=0, description="weight of telling shuffled photos from original ones")
        location_weight: float = Field(1.0, ge=0, description="weight of locating the regions; 0.01 for cars, aircraft")

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        regions: int,
        reach: int,
        adversarial_weight: float,
        location_weight: float,
    ) -> None:
        super().__init__(backbone, num_classes)
        self.regions, self.reach = regions, reach
        self.adversarial_weight, self.location_weight = adversarial_weight, location_weight
        self.discriminate = nn.Linear(backbone.channels, 2)
        self.locate = nn.Conv2d(backbone.channels, 2, 1)

    def local_features(self, images: Tensor) -> DCLFeatures:
        """Compute the backbone's map, (B, C, H, W); in training also that of the photos with shuffled regions."""
        if not self.training:
            feature_map = self.backbone(images)
            return DCLFeatures([LocalMap(feature_map)], feature_map=feature_map)
        shuffled, order = confuse_regions(images, self.regions, self.reach)
        feature_map, destructed = self.backbone(torch.cat([images, shuffled])).chunk(2)
        return DCLFeatures([LocalMap(feature_map)], feature_map=feature_map, destructed=destructed, order=order)

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Compute logits (B, K) and embedding (B, C); in training also what the three other losses need."""
        output = super().classify(features)
        assert isinstance(features, DCLFeatures)
        if features.destructed is None or features.order is None:
            return output
        destructed = super().classify(LocalFeatures([LocalMap(features.destructed)]))
        both = torch.cat([features.maps[0].features, features.destructed])
        straight = torch.arange(self.regions**2, device=both.device).expand(len(features.order), -1)
        return DCLOutput(
            output.logits,
            output.embedding,
            feature_map=output.feature_map,
            destructed_logits=destructed.logits,
            discriminated=self.discriminate(torch.cat([output.embedding, destructed.embedding])),
            located=F.adaptive_avg_pool2d(self.locate(both), self.regions).tanh(),
            origins=region_centers(torch.cat([straight, features.order]), self.regions),
        )

    def loss(self, output: ModelOutput, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Return the classification, adversarial and region alignment losses together (sections 3.1 to 3.3)."""
        loss = super().loss(output, labels, label_smoothing=label_smoothing)
        if not isinstance(output, DCLOutput):
            return loss
        loss = loss + F.cross_entropy(output.destructed_logits, labels, label_smoothing=label_smoothing)
        shuffled = torch.arange(2, device=labels.device).repeat_interleave(len(labels))
        adversarial = F.cross_entropy(output.discriminated, shuffled)
        location = F.l1_loss(output.located, output.origins)
        return loss + self.adversarial_weight * adversarial + self.location_weight * location
