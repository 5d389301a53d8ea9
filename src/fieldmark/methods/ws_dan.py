"""``ws_dan``: many attention maps, one descriptor for each, and training photos cropped and erased by them.

Source: Hu, Qi, "See better before looking closer: weakly supervised data augmentation network for fine-grained visual
classification" (2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.layers.attention.guided_views import attention_box, choose_maps, crop_and_resize, drop_attended
from fieldmark.layers.class_centers import ClassCenters
from fieldmark.layers.pooling.bilinear import bilinear_pool, power_normalize
from fieldmark.methods import register_method
from fieldmark.methods.base import Method, ModelOutput
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["WSDAN", "WSDANOutput"]

CROP_THRESHOLDS = (0.4, 0.6)
DROP_THRESHOLDS = (0.2, 0.5)
CROP_PADDING = 0.1
REFINE_THRESHOLD = 0.1
REFINE_PADDING = 0.05


@dataclass(slots=True, kw_only=True)
class WSDANOutput(ModelOutput):
    """The output of a training step.

    Attributes:
        cropped_logits: (B, K) of the photos cropped to what one of their maps shows.
        dropped_logits: (B, K) of the photos without what another one shows.
    """

    cropped_logits: Tensor | None = None
    dropped_logits: Tensor | None = None


@register_method("ws_dan")
class WSDAN(Method):
    """Attention maps by a 1x1 convolution; the mean of the feature map under each; signed root, unit length, linear.

    In training each photo passes twice more: cropped to one map's box, and without another map's pixels. In evaluation
    it passes once more, cropped to the box of all maps together, and both probabilities are averaged.

    Args:
        backbone: Its narrow map (`Backbone.local_map`) is attended.
        num_classes: K.
        **options: See `Settings`.

    """

    class Settings(GradientSettings):
        """Attention maps that guide crops and erasures of the training photos."""

        method: Literal["ws_dan"] = "ws_dan"
        num_maps: int = Field(32, ge=1, description="attention maps")
        feature_scale: float = Field(4.0, gt=0, description="factor on the descriptor of unit length")
        center_weight: float = Field(1.0, ge=0, description="weight of the distance from the class centre in the loss")
        center_rate: float = Field(0.05, gt=0, le=1, description="how fast the class centres move")
        refine: bool = Field(True, description="answer from the whole photo and from its attended part")

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        num_maps: int,
        feature_scale: float,
        center_weight: float,
        center_rate: float,
        refine: bool,
    ) -> None:
        super().__init__(backbone, num_classes)
        channels = backbone.local_channels
        self.attend = nn.Sequential(nn.Conv2d(channels, num_maps, 1, bias=False), nn.BatchNorm2d(num_maps), nn.ReLU())
        self.head = nn.Linear(num_maps * channels, num_classes)
        self.centers = ClassCenters(num_classes, num_maps * channels, center_rate)
        self.feature_scale = feature_scale
        self.center_weight = center_weight
        self.refine = refine

    def forward(self, images: Tensor) -> ModelOutput:
        """Normalised images (B, 3, S, S) to logits (B, K), embedding (B, M * C) and attention_maps (B, M, H, W)."""
        output = self.look(images)
        if self.training:
            return self._with_augmented(images, output)
        if self.refine:
            output.logits = _mean_of_probabilities(output.logits, self.look(self.closer(images, output)).logits)
        return output

    def look(self, images: Tensor) -> ModelOutput:
        """A single pass."""
        feature_map = self.backbone.local_map(images)  # (B, C, H, W)
        attention_maps = self.attend(feature_map)  # (B, M, H, W)
        embedding = power_normalize(bilinear_pool(attention_maps, feature_map).flatten(1))
        logits = self.head(self.feature_scale * embedding)
        return ModelOutput(logits, embedding, attention_maps, feature_map)

    def head_rows(self, output: ModelOutput) -> Tensor:
        return self.feature_scale * output.embedding

    def closer(self, images: Tensor, output: ModelOutput) -> Tensor:
        """The photos cropped to what all attention maps together show, (B, 3, S, S)."""
        assert output.attention_maps is not None
        attention = output.attention_maps.mean(1)
        threshold = torch.full_like(attention[:, 0, 0], REFINE_THRESHOLD)
        size = (images.shape[2], images.shape[3])
        return crop_and_resize(images, attention_box(attention, size, threshold, REFINE_PADDING))

    def loss(self, output: ModelOutput, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Mean cross-entropy of all passes, and the distance from the centres; in training those move afterwards.

        Labels that are probabilities count for the centre of the most probable class.
        """
        passes = [output.logits]
        if isinstance(output, WSDANOutput) and output.cropped_logits is not None and output.dropped_logits is not None:
            passes += [output.cropped_logits, output.dropped_logits]
        entropies = [F.cross_entropy(logits, labels, label_smoothing=label_smoothing) for logits in passes]
        classes = labels if labels.ndim == 1 else labels.argmax(1)
        distance: Tensor = self.centers(output.embedding, classes)
        if self.training:
            self.centers.update(output.embedding, classes)
        return torch.stack(entropies).mean() + self.center_weight * distance

    def _with_augmented(self, images: Tensor, output: ModelOutput) -> WSDANOutput:
        assert output.attention_maps is not None
        with torch.no_grad():
            cropped, dropped = augment(images, output.attention_maps)
        of_cropped, of_dropped = self.look(torch.cat([cropped, dropped])).logits.chunk(2)
        return WSDANOutput(
            output.logits,
            output.embedding,
            output.attention_maps,
            output.feature_map,
            cropped_logits=of_cropped,
            dropped_logits=of_dropped,
        )


def augment(images: Tensor, attention_maps: Tensor) -> tuple[Tensor, Tensor]:
    """Each photo cropped to one of its maps, and without another: (B, 3, S, S) and (B, M, H, W) -> two (B, 3, S, S)."""
    crop_threshold, drop_threshold = (
        torch.empty(len(images), device=images.device).uniform_(*between)
        for between in (CROP_THRESHOLDS, DROP_THRESHOLDS)
    )
    size = (images.shape[2], images.shape[3])
    boxes = attention_box(choose_maps(attention_maps), size, crop_threshold, CROP_PADDING)
    return crop_and_resize(images, boxes), drop_attended(images, choose_maps(attention_maps), drop_threshold)


def _mean_of_probabilities(one: Tensor, other: Tensor) -> Tensor:
    """Logits (B, K) whose softmax is the mean of both softmaxes."""
    return torch.stack([one.log_softmax(1), other.log_softmax(1)]).logsumexp(0) - math.log(2)
