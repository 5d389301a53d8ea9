"""``cal``: attention that has to be of use: what counts is the difference that it makes to the answer.

Source: Rao, Chen, Lu, Zhou, "Counterfactual attention learning for fine-grained visual categorization and
re-identification" (ICCV 2021).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fieldmark.backbones.factory import Backbone
from fieldmark.errors import unknown_name
from fieldmark.layers.attention.guided_views import attention_box, crop_and_resize
from fieldmark.layers.pooling.bilinear import bilinear_pool, power_normalize
from fieldmark.methods.base import ModelOutput
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


class CAL(WSDAN):
    """The descriptor of `WSDAN`, with a second loss on the effect of its attention.

    The effect is the logits minus the logits of the same feature map under attention that knows nothing of the photo.
    What the classifier could tell without looking at the right places cancels in it.

    Args:
        backbone: Its narrow map (`Backbone.local_map`) is attended.
        num_classes: K.
        num_maps: M, the number of attention maps.
        feature_scale: What the descriptor of unit length is multiplied with before the classifier.
        center_weight: Of the distance from the class's centre in the loss.
        center_rate: How fast centres move.
        counterfactual: ``random`` draws each place from 0 to 2, ``uniform`` attends all places alike, ``shuffled``
            takes the maps of another photo of the batch; a batch of one photo then has no effect to learn from.
        effect_weight: Of the effect's cross-entropy in the loss.
        guided: Train on crops and erasures too, as `WSDAN` does.
        num_crops: Closer looks in evaluation, up to 3.

    Raises:
        SettingError: There is no such counterfactual.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        num_maps: int = 32,
        feature_scale: float = 4.0,
        center_weight: float = 1.0,
        center_rate: float = 0.05,
        counterfactual: str = "random",
        effect_weight: float = 1.0,
        guided: bool = True,
        num_crops: int = 3,
    ) -> None:
        super().__init__(backbone, num_classes, num_maps, feature_scale, center_weight, center_rate)
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
