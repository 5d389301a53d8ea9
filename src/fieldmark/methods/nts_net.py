"""``nts_net``: a navigator proposes regions, a teacher ranks them, a scrutinizer classifies the best.

Source: Yang, Luo, Wang, Hu, Gao, Wang, "Learning to navigate for fine-grained classification" (ECCV 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.errors import SettingError
from fieldmark.layers.regions.anchor_boxes import anchor_boxes
from fieldmark.layers.regions.crop_regions import choose_regions, crop_regions
from fieldmark.layers.regions.navigator import Navigator
from fieldmark.layers.regions.ranking import ranking_loss
from fieldmark.layers.unit_length import unit_length
from fieldmark.methods import register_method
from fieldmark.methods.base import LocalFeatures, LocalMap, Method, ModelOutput, Stage
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["NTSNet", "NTSNetOutput"]

HEADS_SHARE = 0.2
"""Share of the epochs in which only classifiers and navigator train, because they start at random."""


FEATURE_LENGTH = 4.0
"""Length of the features of the photo and of each part, so that none outweighs another."""


@dataclass(slots=True, kw_only=True)
class NTSNetOutput(ModelOutput):
    """The output of a training step; `regions` holds all M proposals.

    Attributes:
        raw_logits: (B, K) of the whole photo only.
        part_logits: (B, M, K) of each proposal only: the teacher.
        scores: (B, M), the navigator's score of each proposal.
    """

    raw_logits: Tensor | None = None
    part_logits: Tensor | None = None
    scores: Tensor | None = None


@dataclass(slots=True)
class NTSNetFeatures(LocalFeatures):
    """The feature maps of the photo and of its regions.

    Attributes:
        scores: (B, M) of the navigator, one for each region.
    """

    scores: Tensor | None = None


@register_method("nts_net")
class NTSNet(Method):
    """Navigator, teacher and scrutinizer over one shared backbone.

    In training, M proposals of each photo are cropped and classified; in evaluation only the best R. The scrutinizer
    classifies them together with the whole photo.

    Args:
        backbone: Computes the features of the whole photo and of all crops.
        num_classes: K.
        **options: See `Settings`.

    Raises:
        SettingError: `num_parts` exceeds `num_proposals`.
    """

    makes_views = True

    class Settings(GradientSettings):
        """A navigator proposes regions, a teacher ranks them, a scrutinizer reads the best."""

        method: Literal["nts_net"] = "nts_net"
        head_lr_scale: float = Field(2.0, gt=0, description="factor on the learning rate of the head")
        frozen_batchnorm: bool = Field(True, description="keep the running statistics of batch norm")
        num_proposals: int = Field(6, ge=1, le=16, description="regions of each training photo that are classified")
        num_parts: int = Field(4, ge=1, le=16, description="the best of them, which the answer reads")
        part_size: int | None = Field(
            None, ge=32, le=1024, description="side that a region is resized to; half of image_size by default"
        )
        max_iou: float = Field(0.25, ge=0, lt=1, description="regions that overlap more count as one")
        rank_weight: float = Field(1.0, ge=0, description="weight of the ranking of regions in the loss")
        dropout: float = Field(0.2, ge=0, lt=1, description="dropout on the features before the classifiers")

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        num_proposals: int,
        num_parts: int,
        part_size: int | None,
        max_iou: float,
        rank_weight: float,
        dropout: float,
    ) -> None:
        super().__init__(backbone, num_classes)
        if num_parts > num_proposals:
            raise SettingError(
                f"nts_net reads num_parts={num_parts} out of num_proposals={num_proposals} regions: "
                "set num_proposals to no less"
            )
        self.num_proposals, self.num_parts = num_proposals, num_parts
        self.part_size, self.max_iou, self.rank_weight = part_size, max_iou, rank_weight
        self.navigator = Navigator(backbone.local_channels)
        self.dropout = nn.Dropout(dropout)
        self.raw_head = nn.Linear(backbone.channels, num_classes)
        self.part_head = nn.Linear(backbone.channels, num_classes)
        self.head = nn.Linear((1 + num_parts) * backbone.channels, num_classes)

    def local_features(self, images: Tensor) -> NTSNetFeatures:
        """Compute the feature maps of the photo and of its regions; in training, of all M proposals."""
        local, final = self.backbone.maps(images)
        regions, scores = self.propose(images, local, self.num_proposals if self.training else self.num_parts)
        crops = crop_regions(images, regions, self.crop_side(images))
        maps = [LocalMap(final), LocalMap(self.backbone(crops), regions)]
        return NTSNetFeatures(maps, feature_map=final, regions=regions, scores=scores)

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Compute logits (B, K) and embedding (B, (1 + R) * D); in training also logits of photo and parts."""
        assert isinstance(features, NTSNetFeatures)
        assert features.regions is not None
        whole = describe(features.maps[0].features)  # (B, D)
        parts = describe(features.maps[1].features).reshape(-1, features.regions.shape[1], self.backbone.channels)
        embedding = torch.cat([whole, parts[:, : self.num_parts].flatten(1)], 1)
        logits = self.head(self.dropout(embedding))
        if not self.training:
            return ModelOutput(logits, embedding, feature_map=features.feature_map, regions=features.regions)
        return NTSNetOutput(
            logits,
            embedding,
            feature_map=features.feature_map,
            regions=features.regions,
            raw_logits=self.raw_head(self.dropout(whole)),
            part_logits=self.part_head(self.dropout(parts)),
            scores=features.scores,
        )

    @property
    def evidence_note(self) -> str:
        return (
            "a place's feature in the photo and in each part times the class's weights, exactly, "
            "the features' lengths held fixed"
        )

    def propose(self, images: Tensor, feature_map: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Return the highest-scoring regions that hardly overlap: boxes (B, count, 4) in the photo, and their scores.

        The backbone gets no gradient from the navigator, because its input is detached.
        """
        from torchvision.ops import clip_boxes_to_image

        size = (int(images.shape[2]), int(images.shape[3]))
        grid = (int(feature_map.shape[2]), int(feature_map.shape[3]))
        boxes = clip_boxes_to_image(anchor_boxes(size, grid).to(images.device), size)
        scores = self.navigator(feature_map.detach())  # (B, A)
        chosen = choose_regions(boxes, scores, count, self.max_iou)
        return boxes[chosen], scores.gather(1, chosen)

    def loss(self, output: ModelOutput, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Return the cross-entropies of the joint output, the whole photo and the parts, plus the ranking loss."""
        joined = F.cross_entropy(output.logits, labels, label_smoothing=label_smoothing)
        if not isinstance(output, NTSNetOutput):
            return joined
        assert output.raw_logits is not None
        assert output.part_logits is not None
        assert output.scores is not None
        raw = F.cross_entropy(output.raw_logits, labels, label_smoothing=label_smoothing)
        part = part_losses(output.part_logits, labels, label_smoothing).mean()
        rank = ranking_loss(output.scores, part_losses(output.part_logits, labels))
        return joined + raw + part + self.rank_weight * rank

    def stages(self) -> list[Stage]:
        return [Stage("classifiers and navigator", HEADS_SHARE, freeze="all"), Stage("all layers", 1 - HEADS_SHARE)]

    def crop_side(self, images: Tensor) -> int:
        """Return the side in pixels that parts are resized to."""
        side = int(images.shape[2])
        chosen = self.part_size or (side if self.backbone.reads_one_size else side // 2)
        self.backbone.check_side(chosen)
        return chosen


def describe(feature_map: Tensor) -> Tensor:
    """Return the mean over places at a fixed length: (B, D, H, W) -> (B, D)."""
    return FEATURE_LENGTH * unit_length(feature_map.mean((2, 3)).float())


def part_losses(part_logits: Tensor, labels: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy of each part: (B, M, K) and labels (B,) or (B, K) -> (B, M)."""
    repeated = labels.repeat_interleave(part_logits.shape[1], 0)
    losses = F.cross_entropy(part_logits.flatten(0, 1), repeated, label_smoothing=label_smoothing, reduction="none")
    return losses.reshape(part_logits.shape[:2])
