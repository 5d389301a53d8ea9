"""``pmg``: fine stages learn from small shuffled patches, coarse stages from large ones.

Source: Du, Chang, Bhunia, Xie, Ma, Song, Guo, "Fine-grained visual classification via progressive multi-granularity
training of jigsaw patches" (ECCV 2020).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.backbones.levels import feature_levels, level_channels
from fieldmark.layers.regions.jigsaw import jigsaw
from fieldmark.layers.unit_length import unit_length
from fieldmark.methods import register_method
from fieldmark.methods.base import LocalFeatures, LocalMap, Method, ModelOutput, Stage
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["PMG", "PMGOutput"]

CONCAT_WEIGHT = 2.0
"""Weight of the joint classifier in the loss; the classifier of each stage has weight 1."""

HEADS_SHARE = 0.2
"""Share of the epochs in which only blocks and classifiers train, because they start at random."""


DESCRIPTOR_LENGTH = 4.0
"""Length of each stage's descriptor, so that none outweighs another."""


@dataclass(slots=True, kw_only=True)
class PMGOutput(ModelOutput):
    """The output of a training step; `logits` are those of the joint classifier.

    Attributes:
        jigsaw_logits: (B, K) of the shuffled photos, from the classifier of their granularity.
    """

    jigsaw_logits: Tensor | None = None


@dataclass(slots=True)
class PMGFeatures(LocalFeatures):
    """The maps of all stages' blocks.

    Attributes:
        shuffled: (B, d, H, W) each, the maps of the shuffled photos; only in training.
        level: (B,), the stage whose classifier trains on each shuffled photo; None in evaluation.
    """

    shuffled: list[Tensor] = field(default_factory=list)
    level: Tensor | None = None


@register_method("pmg")
class PMG(Method):
    """A block, a maximum over places and a classifier for each stage; one more classifier for all of them joined.

    In training each photo passes once unchanged, for the joint classifier, and once shuffled, for that of one stage:
    a third of the batch in 8 x 8 patches for the finest of three stages, a third in 4 x 4, a third in 2 x 2.

    Args:
        backbone: Its last `levels` stages are used.
        num_classes: K.
        **options: See `Settings`.

    """

    makes_views = True

    class Settings(GradientSettings):
        """Fine stages learn from small shuffled patches, coarse ones from large ones."""

        method: Literal["pmg"] = "pmg"
        head_lr_scale: float = Field(2.0, gt=0, description="factor on the learning rate of the head")
        frozen_batchnorm: bool = Field(True, description="keep the running statistics of batch norm")
        levels: int = Field(3, ge=1, le=5, description="stages of the backbone that answer")
        channels: int = Field(512, ge=2, description="length of each stage's descriptor; the paper uses 1024")

    def __init__(self, backbone: Backbone, num_classes: int, *, levels: int, channels: int) -> None:
        super().__init__(backbone, num_classes)
        self.levels = levels
        self.blocks = nn.ModuleList(_block(count, channels) for count in level_channels(backbone, levels))
        self.stage_heads = nn.ModuleList(nn.Linear(channels, num_classes) for _ in range(levels))
        self.head = nn.Linear(levels * channels, num_classes)

    def local_features(self, images: Tensor) -> PMGFeatures:
        """Compute the map of each stage's block, (B, d, H, W), finest first; in training also of shuffled photos."""
        maps, last = self._block_maps(images)
        if not self.training:
            return PMGFeatures(maps, feature_map=last)
        batch = torch.arange(len(images), device=images.device)
        start = torch.randint(self.levels, (), device=images.device)  # a batch of one trains every stage in turn
        level = (batch + start) % self.levels
        shuffled, _ = self._block_maps(shuffle_by_level(images, level, self.levels))
        return PMGFeatures(maps, feature_map=last, shuffled=[one.features for one in shuffled], level=level)

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Compute logits (B, K) and the concatenated descriptors (B, L * d).

        In evaluation the logits are the mean of the logits of all classifiers.
        """
        assert isinstance(features, PMGFeatures)
        descriptors = [describe(one.features) for one in features.maps]
        embedding = torch.cat(descriptors, 1)
        logits = self.head(embedding)
        if features.level is not None:
            each = torch.stack(self.stage_logits([describe(one) for one in features.shuffled]), 1)  # (B, L, K)
            jigsaw = each[torch.arange(len(each), device=each.device), features.level]
            return PMGOutput(logits, embedding, feature_map=features.feature_map, jigsaw_logits=jigsaw)
        answers = torch.stack([*self.stage_logits(descriptors), logits])
        return ModelOutput(answers.mean(0), embedding, feature_map=features.feature_map)

    @property
    def evidence_note(self) -> str:
        return (
            "maxima over places: a channel's weight where it is highest, exactly, the descriptors' lengths held fixed"
        )

    def stage_logits(self, descriptors: list[Tensor]) -> list[Tensor]:
        """Return each stage's logits (B, K), from its descriptor (B, d)."""
        return [head(descriptor) for head, descriptor in zip(self.stage_heads, descriptors, strict=True)]

    def loss(self, output: ModelOutput, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Return twice the cross-entropy of the joint classifier plus that of each stage on its share of the batch."""
        joined = F.cross_entropy(output.logits, labels, label_smoothing=label_smoothing)
        if not isinstance(output, PMGOutput) or output.jigsaw_logits is None:
            return joined
        shuffled = F.cross_entropy(output.jigsaw_logits, labels, label_smoothing=label_smoothing)
        return CONCAT_WEIGHT * joined + self.levels * shuffled

    def stages(self) -> list[Stage]:
        return [Stage("blocks and classifiers", HEADS_SHARE, freeze="all"), Stage("all layers", 1 - HEADS_SHARE)]

    def _block_maps(self, images: Tensor) -> tuple[list[LocalMap], Tensor]:
        """Return the output of each stage's block, and the backbone's last map."""
        levels = feature_levels(self.backbone, images, self.levels)
        return [LocalMap(block(level)) for block, level in zip(self.blocks, levels, strict=True)], levels[-1]


def describe(block_map: Tensor) -> Tensor:
    """Return the maximum over places at a fixed length: (B, d, H, W) -> (B, d)."""
    return DESCRIPTOR_LENGTH * unit_length(block_map.amax((2, 3)).float())


def shuffle_by_level(images: Tensor, level: Tensor, levels: int) -> Tensor:
    """Cut each photo into n x n patches, n = 2^(levels - level), and shuffle them: the last level has 2 x 2."""
    shuffled = torch.empty_like(images)
    for index in range(levels):
        chosen = level == index
        shuffled[chosen] = jigsaw(images[chosen], 2 ** (levels - index))
    return shuffled


def _block(channels: int, out_channels: int) -> nn.Sequential:
    """Return 1x1 and 3x3 convolutions that start as rotations, so that they keep the features of the backbone.

    Group norm replaces the paper's batch norm: it treats whole and shuffled photos alike, for any batch size, in
    training and in evaluation.
    """
    inner = max(1, out_channels // 2)
    narrow = nn.Conv2d(channels, inner, 1, bias=False)
    spread = nn.Conv2d(inner, out_channels, 3, padding=1, bias=False)
    nn.init.orthogonal_(narrow.weight)
    with torch.no_grad():
        spread.weight.mul_(0.1)
        spread.weight[:, :, 1, 1] = nn.init.orthogonal_(torch.empty(out_channels, inner))
    return nn.Sequential(narrow, nn.GroupNorm(1, inner), nn.ReLU(), spread, nn.GroupNorm(1, out_channels), nn.ReLU())
