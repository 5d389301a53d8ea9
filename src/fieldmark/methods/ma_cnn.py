"""``ma_cnn``: channels that peak at the same places form parts; classifiers for each part and for all together.

Source: Zheng, Fu, Mei, Luo, "Learning multi-attention convolutional neural network for fine-grained image recognition"
(ICCV 2017).
"""

from __future__ import annotations

import logging
import math
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.layers.attention.channel_groups import channel_peaks, group_channels
from fieldmark.layers.attention.part_maps import ChannelGrouping, distance_loss, diversity_loss, part_features
from fieldmark.layers.block_logits import block_logits
from fieldmark.layers.unit_length import unit_length
from fieldmark.methods import register_method
from fieldmark.methods.base import LocalFeatures, LocalMap, Method, ModelOutput, Photos, Stage
from fieldmark.methods.even_sample import EvenSample
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["MACNN"]

logger = logging.getLogger(__name__)

GROUPING_SHARE = 0.2
GROUPING_LR_SCALE = 0.2
START_PHOTOS = 1024


@register_method("ma_cnn")
class MACNN(Method):
    """Part maps from groups of channels; the mean features under them and of the whole photo, each of unit length.

    One linear layer classifies all of them. Its blocks are classifiers of the single parts: its logits are the mean of
    theirs.

    Args:
        backbone: The channels of its last map are grouped.
        num_classes: K.
        **options: See `Settings`.

    """

    class Settings(GradientSettings):
        """Parts as groups of channels that peak together."""

        method: Literal["ma_cnn"] = "ma_cnn"
        epochs: int = Field(10, ge=1, le=10_000, description="passes over the training photos")
        head_lr_scale: float = Field(3.0, gt=0, description="factor on the learning rate of the head")
        freeze: str | None = Field("stage2", description="last backbone stage that is frozen; none trains all")
        frozen_batchnorm: bool = Field(True, description="keep the running statistics of batch norm")
        ema: float = Field(0.98, ge=0, lt=1, description="decay of the moving average of the weights; 0 is off")
        num_parts: int = Field(4, ge=2, le=64, description="parts besides the whole photo")
        diversity_weight: float = Field(2.0, ge=0, description="weight of the parts' overlap against their spread")
        diversity_margin: float = Field(0.02, ge=0, lt=1, description="overlap that costs nothing")
        feature_scale: float = Field(4.0, gt=0, description="factor on features of unit length")
        rounds: int = Field(1, ge=1, description="how often groups and classifiers take turns")

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        num_parts: int,
        diversity_weight: float,
        diversity_margin: float,
        feature_scale: float,
        rounds: int,
    ) -> None:
        super().__init__(backbone, num_classes)
        self.grouping = ChannelGrouping(backbone.channels, num_parts)
        self.blocks = num_parts + 1  # the whole photo comes first
        self.head = nn.Linear(self.blocks * backbone.channels, num_classes)
        self.num_parts = num_parts
        self.diversity_weight = diversity_weight
        self.diversity_margin = diversity_margin
        self.feature_scale = feature_scale
        self.rounds = rounds

    def local_features(self, images: Tensor) -> LocalFeatures:
        """Compute the backbone's map (B, C, H, W) and the attention maps (B, N, H, W)."""
        feature_map = self.backbone(images)
        return LocalFeatures([LocalMap(feature_map)], self.grouping(feature_map), feature_map)

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Compute logits (B, K) and embedding (B, (N + 1) * C)."""
        feature_map, maps = features.maps[0].features, features.attention_maps
        assert maps is not None
        whole = feature_map.float().mean((2, 3))[:, None]
        rows = torch.cat([whole, part_features(feature_map, maps)], 1)  # (B, N + 1, C)
        embedding = unit_length(rows, dim=2).flatten(1) / math.sqrt(self.blocks)
        logits = self.head(self.feature_scale * embedding)
        return ModelOutput(logits, embedding, attention_maps=maps, feature_map=features.feature_map)

    @property
    def evidence_note(self) -> str:
        return (
            "a place's feature in the photo and under each part's map, exactly, maps and features' lengths held fixed"
        )

    def head_rows(self, output: ModelOutput) -> Tensor:
        return self.feature_scale * output.embedding

    def part_logits(self, output: ModelOutput) -> Tensor:
        """Return the logits of the whole photo and of each part by itself, (B, N + 1, K)."""
        return block_logits(self.head, self.head_rows(output), self.blocks)

    def grouping_loss(self, maps: Tensor) -> Tensor:
        """Return the weighted spread and overlap of part maps (B, N, H, W)."""
        return distance_loss(maps) + self.diversity_weight * diversity_loss(maps, self.diversity_margin)

    def loss(self, output: ModelOutput, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Return cross-entropies in stages that train the classifiers, spread and overlap in those of the groups."""
        assert output.attention_maps is not None
        total = output.logits.new_zeros(())
        if self.head.weight.requires_grad:
            each = self.part_logits(output).flatten(0, 1)
            repeated = labels.repeat_interleave(self.blocks, 0)
            total = total + F.cross_entropy(output.logits, labels, label_smoothing=label_smoothing)
            total = total + F.cross_entropy(each, repeated, label_smoothing=label_smoothing)
        if any(parameter.requires_grad for parameter in self.grouping.parameters()):
            total = total + self.grouping_loss(output.attention_maps)
        return total

    def stages(self) -> list[Stage]:
        """Return `rounds` pairs of stages: the groups, then the classifiers."""
        group = Stage("groups", GROUPING_SHARE / self.rounds, "all", GROUPING_LR_SCALE, trains=("grouping",))
        classify = Stage("classifiers", (1 - GROUPING_SHARE) / self.rounds, trains=("head",))
        return self.rounds * [group, classify]

    def begin_stage(self, index: int, photos: Photos) -> None:
        """Before the first stage, group channels that peak at the same places of the training photos into parts."""
        if index > 0:
            return
        groups = group_channels(self._peaks(photos), self.num_parts)
        self.grouping.start_from(groups.to(self.head.weight.device))
        sizes = torch.bincount(groups, minlength=self.num_parts).tolist()
        logger.info(f"  parts start from groups of {', '.join(map(str, sizes))} channels")

    @torch.no_grad()
    def _peaks(self, photos: Photos) -> Tensor:
        """Return where each channel peaks, (n, C, 2), in at most 1,024 evenly chosen photos."""
        sample = EvenSample[Tensor](START_PHOTOS)
        for images, _ in photos():
            sample.add(channel_peaks(self.backbone(images.to(self.head.weight.device))).cpu())
        return torch.stack(sample.kept)
