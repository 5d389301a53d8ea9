"""``cal``: attention that has to be of use: what counts is the difference that it makes to the answer.

Source: Rao, Chen, Lu, Zhou, "Counterfactual attention learning for fine-grained visual categorization and
re-identification" (ICCV 2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from fieldmark.backbones.factory import Backbone
from fieldmark.errors import unknown_name
from fieldmark.layers.attention.guided_views import attention_box, crop_and_resize
from fieldmark.layers.pooling.bilinear import bilinear_pool, power_normalize
from fieldmark.methods import register_method
from fieldmark.methods.base import ModelOutput
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.methods.ws_dan import WSDAN, WSDANOutput, augment

__all__ = ["CAL", "CALOutput"]

COUNTERFACTUALS = ("random", "uniform", "shuffled")
CROPS = ((0.3, 0.1), (0.2, 0.1), (0.1, 0.05))
"""Threshold and padding of each closer look in evaluation."""


@dataclass(slots=True)
class CALOutput(WSDANOutput):
    """The output of a training step.

    Attributes:
        effects: (P * B, K), logits minus those under counterfactual attention, of the P passes one after the other:
            the photos, then their crops and erasures where there are any.
    """

    effects: Tensor | None = None


@register_method("cal")
class CAL(WSDAN):
    """The descriptor of `WSDAN`, with a second loss on the effect of its attention.

    The effect is the logits minus the logits of the same feature map under attention that knows nothing of the photo.
    What the classifier could tell without looking at the right places cancels in it.

    Args:
        backbone: Its narrow map (`Backbone.local_map`) is attended.
        num_classes: K.
        **options: See `Settings`.

    Raises:
        SettingError: There is no such counterfactual.
    """

    class Settings(GradientSettings):
        """Attention maps that learn from the difference they make to the answer."""

        method: Literal["cal"] = "cal"
        num_maps: int = Field(32, ge=1, description="attention maps")
        feature_scale: float = Field(4.0, gt=0, description="factor on the descriptor of unit length")
        center_weight: float = Field(1.0, ge=0, description="weight of the distance from the class centre in the loss")
        center_rate: float = Field(0.05, gt=0, le=1, description="how fast the class centres move")
        counterfactual: Literal["random", "uniform", "shuffled"] = Field(
            "random",
            description="attention that the effect is measured against: random values, all places alike, or the maps "
            "of another photo of the batch",
        )
        effect_weight: float = Field(1.0, ge=0, description="weight of the effect's cross-entropy in the loss")
        guided: bool = Field(True, description="train on guided crops and erasures too, as ws_dan does")
        num_crops: int = Field(3, ge=0, le=3, description="crops that an answer averages besides the whole photo")

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        num_maps: int,
        feature_scale: float,
        center_weight: float,
        center_rate: float,
        counterfactual: str,
        effect_weight: float,
        guided: bool,
        num_crops: int,
    ) -> None:
        super().__init__(
            backbone,
            num_classes,
            num_maps=num_maps,
            feature_scale=feature_scale,
            center_weight=center_weight,
            center_rate=center_rate,
            refine=True,
        )
        if counterfactual not in COUNTERFACTUALS:
            raise unknown_name("counterfactual", counterfactual, COUNTERFACTUALS)
        self.counterfactual = counterfactual
        self.effect_weight = effect_weight
        self.guided = guided
        self.num_crops = num_crops

    def forward(self, images: Tensor) -> ModelOutput:
        """Normalised images (B, 3, S, S) to logits (B, K), embedding (B, M * C) and attention_maps (B, M, H, W)."""
        output = self.look(images)
        if self.training:
            return self._with_effects(images, output)
        if self.num_crops:
            closer = self.look(self.crops(images, output)).logits.reshape(self.num_crops, -1, self.num_classes)
            output.logits = (output.logits + closer.sum(0)) / (1 + self.num_crops)
        return output

    def crops(self, images: Tensor, output: ModelOutput) -> Tensor:
        """The photos cropped to what all maps together show, at falling thresholds: (num_crops * B, 3, S, S)."""
        assert output.attention_maps is not None
        attention = output.attention_maps.mean(1)
        size = (images.shape[2], images.shape[3])
        boxes = [
            attention_box(attention, size, torch.full_like(attention[:, 0, 0], threshold), padding)
            for threshold, padding in CROPS[: self.num_crops]
        ]
        return torch.cat([crop_and_resize(images, box) for box in boxes])

    def effect(self, output: ModelOutput) -> Tensor:
        """Logits of a pass minus those of its feature map under counterfactual attention, (B, K)."""
        assert output.attention_maps is not None
        assert output.feature_map is not None
        maps = counterfactual_maps(output.attention_maps, self.counterfactual)
        embedding = power_normalize(bilinear_pool(maps, output.feature_map).flatten(1))
        effect: Tensor = output.logits - self.head(self.feature_scale * embedding)
        return effect

    def loss(self, output: ModelOutput, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """The loss of `WSDAN`, and the weighted mean cross-entropy of the effects."""
        loss = super().loss(output, labels, label_smoothing=label_smoothing)
        if not isinstance(output, CALOutput) or output.effects is None:
            return loss
        repeated = torch.cat([labels] * (len(output.effects) // len(labels)))
        return loss + self.effect_weight * F.cross_entropy(output.effects, repeated, label_smoothing=label_smoothing)

    def _with_effects(self, images: Tensor, output: ModelOutput) -> CALOutput:
        assert output.attention_maps is not None
        trained = CALOutput(output.logits, output.embedding, output.attention_maps, output.feature_map)
        trained.effects = self.effect(output)
        if self.guided:
            with torch.no_grad():
                cropped_and_dropped = torch.cat(augment(images, output.attention_maps))
            second = self.look(cropped_and_dropped)
            trained.cropped_logits, trained.dropped_logits = second.logits.chunk(2)
            trained.effects = torch.cat([trained.effects, self.effect(second)])
        return trained


def counterfactual_maps(attention_maps: Tensor, kind: str) -> Tensor:
    """Attention (B, M, H, W) that knows nothing of the photo it is laid over; see `CAL`."""
    if kind == "uniform":
        return torch.ones_like(attention_maps)
    if kind == "random":
        return torch.empty_like(attention_maps).uniform_(0, 2)
    photos = len(attention_maps)
    return attention_maps.roll(int(torch.randint(1, photos, ()) if photos > 1 else 0), 0)
