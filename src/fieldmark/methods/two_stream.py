"""Base class of the bilinear methods: two streams of local features, one descriptor of both, a linear classifier."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.layers.pooling.bilinear import BilinearPool, power_normalize
from fieldmark.layers.pooling.sketches import RandomMaclaurin, TensorSketch
from fieldmark.layers.pooling.stream_fusion import match_grids
from fieldmark.methods.base import LocalFeatures, LocalMap, Method, ModelOutput, Stage

__all__ = ["TwoStreamFeatures", "TwoStreamMethod", "classifier_first"]

CLASSIFIER_SHARE = 0.25
"""Share of the epochs in which only the classifier trains."""

CLASSIFIER_LR_SCALE = 4.0
"""Descriptors have unit length, so a classifier that starts at zero needs large steps."""


@dataclass(slots=True)
class TwoStreamFeatures(LocalFeatures):
    """The local features of both streams.

    Attributes:
        partner: (B, D, H, W), the second stream if `maps` holds only the first. The evidence of a product of two
            features at one place must count only once.
    """

    partner: Tensor | None = None


class TwoStreamMethod(Method):
    """Two streams, their pooling, signed square root and unit length, a linear layer.

    Each stream is the narrow map of a backbone (`Backbone.local_map`). Without a second backbone both are the same. A
    subclass sets `head`, and `pool`, which turns two maps on one grid into a descriptor.

    Args:
        backbone: The first stream, f_A.
        num_classes: K.
        second_backbone: The second stream, f_B; None uses the first one twice.
        projected: Channels that a 1x1 convolution reduces each stream to; None for no reduction.
    """

    backbone_options = ("second_backbone",)
    pool: nn.Module
    head: nn.Linear

    def __init__(
        self, backbone: Backbone, num_classes: int, second_backbone: Backbone | None, projected: int | None
    ) -> None:
        super().__init__(backbone, num_classes)
        self.second_backbone = second_backbone
        self.reduce_a = _reduction(backbone, projected)
        self.channels_a = self.channels_b = projected or backbone.local_channels
        if second_backbone is not None:
            self.reduce_b = _reduction(second_backbone, projected)
            self.channels_b = projected or second_backbone.local_channels
            self.renormalize = _Renormalize(backbone, second_backbone)

    def local_features(self, images: Tensor) -> TwoStreamFeatures:
        """Compute the maps of both streams on one grid."""
        first, second = self.streams(images)
        a, b = match_grids(first, second)
        if self._pools_by_place:
            return TwoStreamFeatures([LocalMap(a)], feature_map=first, partner=b)
        return TwoStreamFeatures([LocalMap(a), LocalMap(b)], feature_map=first)

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Compute logits (B, K) and the descriptor (B, D) of unit length."""
        assert isinstance(features, TwoStreamFeatures)
        partner = features.maps[1].features if features.partner is None else features.partner
        embedding = power_normalize(self.pool(features.maps[0].features, partner))
        return ModelOutput(self.head(embedding), embedding, feature_map=features.feature_map)

    @property
    def evidence_note(self) -> str:
        held = "the signed root and the descriptor's length held fixed"
        if self._pools_by_place:
            return f"products of two features at one place, exactly, {held}"
        return f"gradient times feature, which adds up since the pooling is homogeneous, {held}"

    @property
    def _pools_by_place(self) -> bool:
        """Whether the pooling is a sum over places of products of both streams at the same place."""
        return isinstance(self.pool, BilinearPool | TensorSketch | RandomMaclaurin)

    def streams(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return both reduced maps, (B, M, H, W) and (B, D, H', W')."""
        a = self.reduce_a(self.backbone.local_map(images))
        if self.second_backbone is None:
            return a, a
        return a, self.reduce_b(self.second_backbone.local_map(self.renormalize(images)))

    def stages(self) -> list[Stage]:
        return classifier_first()


def classifier_first() -> list[Stage]:
    """Return the stages for a classifier on descriptors of unit length."""
    return [
        Stage("classifier", CLASSIFIER_SHARE, freeze="all", head_lr_scale=CLASSIFIER_LR_SCALE, fits_head=True),
        Stage("all layers", 1 - CLASSIFIER_SHARE),
    ]


class _Renormalize(nn.Module):
    """Convert images normalised for one backbone to the normalisation of another one."""

    scale: Tensor
    shift: Tensor

    def __init__(self, of: Backbone, to: Backbone) -> None:
        super().__init__()
        mean, std = (torch.tensor(of.config[key])[:, None, None] for key in ("mean", "std"))
        wanted_mean, wanted_std = (torch.tensor(to.config[key])[:, None, None] for key in ("mean", "std"))
        self.register_buffer("scale", std / wanted_std, persistent=False)
        self.register_buffer("shift", (mean - wanted_mean) / wanted_std, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return images * self.scale + self.shift


def _reduction(backbone: Backbone, projected: int | None) -> nn.Module:
    """Return a 1x1 convolution that starts as a rotation, so that no direction is preferred."""
    if projected is None:
        return nn.Identity()
    convolution = nn.Conv2d(backbone.local_channels, projected, 1, bias=False)
    nn.init.orthogonal_(convolution.weight.flatten(1))
    return convolution
