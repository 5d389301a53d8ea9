"""``ws_dan``: attention maps that guide crops and erasures of the training photos.

Source: Hu, Qi, "See better before looking closer: weakly supervised data augmentation network for fine-grained visual
classification" (2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.layers.attention.guided_views import attention_box, choose_maps, crop_and_resize, drop_attended
from fieldmark.layers.class_centers import ClassCenters
from fieldmark.layers.pooling.bilinear import bilinear_pool, power_normalize
from fieldmark.layers.unit_length import factors_are_constant
from fieldmark.methods import register_method
from fieldmark.methods.base import LocalFeatures, LocalMap, Method, ModelOutput
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["WSDAN", "AttendedFeatures", "View", "WSDANOutput", "attended_crop"]

CROP_THRESHOLDS = (0.4, 0.6)
DROP_THRESHOLDS = (0.2, 0.5)
CROP_PADDING = 0.1
REFINE_THRESHOLD = 0.1
REFINE_PADDING = 0.05


@dataclass(slots=True, kw_only=True)
class WSDANOutput(ModelOutput):
    """The output of a training step.

    Attributes:
        cropped_logits: (B, K) of the photos cropped to the box of one of their maps.
        dropped_logits: (B, K) of the photos with the pixels of another map erased.
    """

    cropped_logits: Tensor | None = None
    dropped_logits: Tensor | None = None


class View(NamedTuple):
    """Views of the photos, (B, 3, S, S), and the box of each, (B, 1, 4), xyxy pixels; None for the whole photo."""

    images: Tensor
    boxes: Tensor | None = None


@dataclass(slots=True)
class AttendedFeatures(LocalFeatures):
    """The feature maps of the photo and of each of its views.

    Attributes:
        attended: (B, M, H, W), the attention over each of `maps`.
    """

    attended: list[Tensor] = field(default_factory=list)


@register_method("ws_dan")
class WSDAN(Method):
    """Attention maps by a 1x1 convolution; the mean of the feature map under each; signed root, unit length, linear.

    In training each photo passes twice more: cropped to one map's box, and with another map's pixels erased. In
    evaluation it passes once more, cropped to the box of all maps together, and both probabilities are averaged.

    Args:
        backbone: Attention is computed from its narrow map (`Backbone.local_map`).
        num_classes: K.
        **options: See `Settings`.

    """

    makes_views = True

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

    def local_features(self, images: Tensor) -> AttendedFeatures:
        """Compute the feature maps of the photo and of each view, with the attention over each."""
        feature_map, attention = self._attended(images)
        features = AttendedFeatures([LocalMap(feature_map)], attention, feature_map, attended=[attention])
        views = self.closer_views(images, attention)
        if views:
            found = self._attended(torch.cat([view.images for view in views]))
            closer, closer_attention = (one.reshape(len(views), -1, *one.shape[1:]) for one in found)
            for index, view in enumerate(views):
                features.maps.append(LocalMap(closer[index], view.boxes))
                features.attended.append(closer_attention[index])
        return features

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Compute logits (B, K) and the embedding of the whole photo, (B, M * C)."""
        assert isinstance(features, AttendedFeatures)
        views = zip(features.attended, features.maps, strict=True)
        embeddings = [self.describe(attention, one.features) for attention, one in views]
        logits = [self.head(self.feature_scale * embedding) for embedding in embeddings]
        if self.training:
            return self.training_output(features, embeddings[0], logits)
        joined = self.join(logits) if len(logits) > 1 else logits[0]
        return ModelOutput(joined, embeddings[0], features.attention_maps, features.feature_map)

    @property
    def evidence_note(self) -> str:
        held = "exactly, attention, signed root and the descriptor's length held fixed"
        note = f"a place's feature under each attention map, {held}"
        mean = "; the mean logits of both views, of which the answer averages the probabilities"
        return note + mean * self.refine

    def describe(self, attention: Tensor, feature_map: Tensor) -> Tensor:
        """Return the descriptor (B, M * C) of unit length, from attention (B, M, H, W) and feature map (B, C, H, W)."""
        return power_normalize(bilinear_pool(attention, feature_map).flatten(1))

    def closer_views(self, images: Tensor, attention: Tensor) -> list[View]:
        """Return cropped and erased photos in training; in evaluation, the photo cropped to the box of all maps."""
        if self.training:
            with torch.no_grad():
                return augment(images, attention)
        return [attended_crop(images, attention, REFINE_THRESHOLD, REFINE_PADDING)] if self.refine else []

    def join(self, logits: list[Tensor]) -> Tensor:
        """Return logits whose softmax is the mean of the softmaxes of all views.

        Evidence must be additive, so evidence maps use the mean logits instead.
        """
        if factors_are_constant():
            return torch.stack(logits).mean(0)
        return torch.stack([one.log_softmax(1) for one in logits]).logsumexp(0) - math.log(len(logits))

    def training_output(self, features: AttendedFeatures, embedding: Tensor, logits: list[Tensor]) -> ModelOutput:
        """Return the output of a training step, from the logits of the photo, its crop and its erasure."""
        return WSDANOutput(
            logits[0],
            embedding,
            features.attention_maps,
            features.feature_map,
            cropped_logits=logits[1],
            dropped_logits=logits[2],
        )

    def head_rows(self, output: ModelOutput) -> Tensor:
        return self.feature_scale * output.embedding

    def loss(self, output: ModelOutput, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Return the mean cross-entropy of all passes plus the distance from the centres; in training, move these.

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

    def _attended(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return feature map (B, C, H, W) and attention maps (B, M, H, W)."""
        feature_map = self.backbone.local_map(images)
        return feature_map, self.attend(feature_map)


def augment(images: Tensor, attention_maps: Tensor) -> list[View]:
    """Return each photo cropped to one of its maps, and each with another map's pixels erased."""
    crop_threshold, drop_threshold = (
        torch.empty(len(images), device=images.device).uniform_(*between)
        for between in (CROP_THRESHOLDS, DROP_THRESHOLDS)
    )
    size = (images.shape[2], images.shape[3])
    boxes = attention_box(choose_maps(attention_maps), size, crop_threshold, CROP_PADDING)
    cropped = View(crop_and_resize(images, boxes), boxes[:, None])
    return [cropped, View(drop_attended(images, choose_maps(attention_maps), drop_threshold))]


def attended_crop(images: Tensor, attention_maps: Tensor, threshold: float, padding: float) -> View:
    """Crop photos to the box where the mean of all maps reaches a share of its maximum."""
    attention = attention_maps.mean(1)
    size = (images.shape[2], images.shape[3])
    boxes = attention_box(attention, size, torch.full_like(attention[:, 0, 0], threshold), padding)
    return View(crop_and_resize(images, boxes), boxes[:, None])
