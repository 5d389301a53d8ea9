"""``mcl``: a loss by which every class has feature channels of its own, discriminative and diverse.

Source: Chang, Ding, Xie, Bhunia, Li, Ma, Wu, Guo, Song, "The devil is in the channels: mutual-channel loss for
fine-grained image classification" (IEEE TIP 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.errors import SettingError
from fieldmark.layers.mutual_channel import ClassChannels
from fieldmark.methods import register_method
from fieldmark.methods.base import LocalFeatures, LocalMap, Method, ModelOutput
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["MCL", "MCLOutput"]


@dataclass(slots=True, kw_only=True)
class MCLOutput(ModelOutput):
    """The output of a training step.

    Attributes:
        class_responses: (B, K), see `ClassChannels.discriminality`.
        diversity: (B,), see `ClassChannels.diversity`.
    """

    class_responses: Tensor | None = None
    diversity: Tensor | None = None


@register_method("mcl")
class MCL(Method):
    """Average pooling and a linear layer; cross-entropy plus the mutual-channel loss on the feature map.

    Args:
        backbone: Its channels are divided among the classes.
        num_classes: K.
        **options: See `Settings`.

    Raises:
        SettingError: The backbone has fewer channels than there are classes, and `channels_per_class` is not set.
    """

    class Settings(GradientSettings):
        """Every class has feature channels of its own, which must be discriminative and diverse."""

        method: Literal["mcl"] = "mcl"
        channels_per_class: int | None = Field(
            None,
            ge=1,
            description="a 1x1 convolution gives each class so many channels; none divides the backbone's channels",
        )
        mutual_weight: float = Field(0.005, ge=0, description="weight of the mutual-channel loss (mu)")
        diversity_weight: float = Field(10.0, ge=0, description="weight of the diversity in that loss (lambda)")

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        channels_per_class: int | None,
        mutual_weight: float,
        diversity_weight: float,
    ) -> None:
        super().__init__(backbone, num_classes)
        self.mutual_weight, self.diversity_weight = mutual_weight, diversity_weight
        channels = backbone.channels if channels_per_class is None else num_classes * channels_per_class
        if channels < num_classes:
            raise SettingError(
                f"mcl gives each of {num_classes} classes a channel of its own, but the map of '{backbone.name}' has "
                f"{channels}: set channels_per_class, such as 3"
            )
        self.project: nn.Module = nn.Identity()
        if channels_per_class is not None:
            self.project = nn.Sequential(nn.Conv2d(backbone.channels, channels, 1), nn.ReLU())
        self.class_channels = ClassChannels(channels, num_classes)
        self.head = nn.Linear(channels, num_classes)

    def local_features(self, images: Tensor) -> LocalFeatures:
        """Compute the map whose channels belong to classes, (B, C, H, W)."""
        feature_map = self.project(self.backbone(images))
        return LocalFeatures([LocalMap(feature_map)], feature_map=feature_map)

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Compute logits (B, K) and embedding (B, C); in training also both parts of the loss."""
        feature_map = features.maps[0].features
        embedding = feature_map.mean((2, 3))
        logits = self.head(embedding)
        if not self.training:
            return ModelOutput(logits, embedding, feature_map=features.feature_map)
        return MCLOutput(
            logits,
            embedding,
            feature_map=features.feature_map,
            class_responses=self.class_channels.discriminality(feature_map, self.class_channels.draw_kept()),
            diversity=self.class_channels.diversity(feature_map),
        )

    @property
    def evidence_note(self) -> str:
        return "average: a place's feature times the class's weights, exactly"

    def loss(self, output: ModelOutput, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Return CE + mu (L_dis - lambda L_div)."""
        loss = super().loss(output, labels, label_smoothing=label_smoothing)
        if not isinstance(output, MCLOutput):
            return loss
        assert output.class_responses is not None
        assert output.diversity is not None
        discriminality = F.cross_entropy(output.class_responses, labels)
        return loss + self.mutual_weight * (discriminality - self.diversity_weight * output.diversity.mean())
