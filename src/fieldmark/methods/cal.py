"""``cal``: attention that is trained by its effect on the logits.

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
from fieldmark.methods import register_method
from fieldmark.methods.base import ModelOutput
from fieldmark.methods.settings_base import GradientSettings
from fieldmark.methods.ws_dan import WSDAN, AttendedFeatures, View, WSDANOutput, attended_crop

__all__ = ["CAL", "CALOutput"]

COUNTERFACTUALS = ("random", "uniform", "shuffled")
CROPS = ((0.3, 0.1), (0.2, 0.1), (0.1, 0.05))
"""Threshold and padding of each crop in evaluation."""


@dataclass(slots=True)
class CALOutput(WSDANOutput):
    """The output of a training step.

    Attributes:
        effects: (P * B, K), logits minus those under counterfactual attention, of the P passes one after the other:
            the photos, then their crops and erasures if there are any.
    """

    effects: Tensor | None = None


@register_method("cal")
class CAL(WSDAN):
    """The descriptor of `WSDAN`, with a second loss on the effect of its attention.

    The effect is the logits minus the logits of the same feature map under attention that is independent of the photo.
    Evidence that does not depend on the attended places cancels in it.

    Args:
        backbone: Attention is computed from its narrow map (`Backbone.local_map`).
        num_classes: K.
        **options: See `Settings`.

    Raises:
        SettingError: The counterfactual is unknown.
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

    def closer_views(self, images: Tensor, attention: Tensor) -> list[View]:
        """Return the views of `WSDAN` in training; in evaluation, crops to the box of all maps by `CROPS`."""
        if self.training:
            return super().closer_views(images, attention) if self.guided else []
        return [attended_crop(images, attention, *crop) for crop in CROPS[: self.num_crops]]

    def join(self, logits: list[Tensor]) -> Tensor:
        """Return the mean logits of all views."""
        return torch.stack(logits).mean(0)

    @property
    def evidence_note(self) -> str:
        held = "exactly, attention, signed root and the descriptor's length held fixed"
        return f"a place's feature under each attention map, {held}"

    def training_output(self, features: AttendedFeatures, embedding: Tensor, logits: list[Tensor]) -> CALOutput:
        """Return the output of a training step, with crops and erasures if `guided` is set."""
        views = zip(logits, features.attended, features.maps, strict=True)
        effects = [self.effect(own, attention, one.features) for own, attention, one in views]
        cropped, dropped = logits[1:] if self.guided else (None, None)
        return CALOutput(
            logits[0],
            embedding,
            features.attention_maps,
            features.feature_map,
            cropped_logits=cropped,
            dropped_logits=dropped,
            effects=torch.cat(effects),
        )

    def effect(self, logits: Tensor, attention: Tensor, feature_map: Tensor) -> Tensor:
        """Return the logits of a view minus those of its feature map under counterfactual attention, (B, K)."""
        embedding = self.describe(counterfactual_maps(attention, self.counterfactual), feature_map)
        effect: Tensor = logits - self.head(self.feature_scale * embedding)
        return effect

    def loss(self, output: ModelOutput, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Return the loss of `WSDAN` plus the weighted mean cross-entropy of the effects."""
        loss = super().loss(output, labels, label_smoothing=label_smoothing)
        if not isinstance(output, CALOutput) or output.effects is None:
            return loss
        repeated = torch.cat([labels] * (len(output.effects) // len(labels)))
        return loss + self.effect_weight * F.cross_entropy(output.effects, repeated, label_smoothing=label_smoothing)


def counterfactual_maps(attention_maps: Tensor, kind: str) -> Tensor:
    """Return attention (B, M, H, W) that is independent of the photo; see `CAL`."""
    if kind == "uniform":
        return torch.ones_like(attention_maps)
    if kind == "random":
        return torch.empty_like(attention_maps).uniform_(0, 2)
    photos = len(attention_maps)
    return attention_maps.roll(int(torch.randint(1, photos, ()) if photos > 1 else 0), 0)
