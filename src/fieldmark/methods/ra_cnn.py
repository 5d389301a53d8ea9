"""``ra_cnn``: the photo, a crop of it and a crop of that; each must be more certain than the one before.

Source: Fu, Zheng, Mei, "Look closer to see better: recurrent attention convolutional neural network for fine-grained
image recognition" (CVPR 2017).
"""

from __future__ import annotations

import copy
import logging
import math
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.errors import unknown_name
from fieldmark.layers.attention.attention_proposal import (
    AttentionProposal,
    fit_proposal,
    on_grid,
    peak_square,
    square_in_square,
    squares_to_boxes,
    strongest_square,
)
from fieldmark.layers.block_logits import block_logits
from fieldmark.layers.precision import at_least_float32
from fieldmark.layers.regions.boxcar import boxcar_crop
from fieldmark.layers.unit_length import unit_length
from fieldmark.methods import register_method
from fieldmark.methods.base import LocalFeatures, LocalMap, Method, ModelOutput, Photos, Stage
from fieldmark.methods.even_sample import EvenSample
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["RACNN", "rank_loss"]

logger = logging.getLogger(__name__)

ATTENTION_SHARE = 0.2
ATTENTION_LR_SCALE = 0.1
START_PHOTOS = 2048
AIMS = ("evidence", "response")


@register_method("ra_cnn")
class RACNN(Method):
    """Several scales of one photo, each cropped from the one before; one linear layer over all their features.

    The blocks of that layer are classifiers of the single scales: its logits are the mean of theirs.

    Args:
        backbone: Reads every scale.
        num_classes: K.
        **options: See `Settings`.

    Raises:
        SettingError: There is no such aim.
    """

    makes_views = True

    class Settings(GradientSettings):
        """The photo and crops of it, each cut from the one before, one backbone for all."""

        method: Literal["ra_cnn"] = "ra_cnn"
        epochs: int = Field(10, ge=1, le=10_000, description="passes over the training photos")
        head_lr_scale: float = Field(3.0, gt=0, description="factor on the learning rate of the head")
        freeze: str | None = Field("stage2", description="last backbone stage that is frozen; none trains all")
        frozen_batchnorm: bool = Field(True, description="keep the running statistics of batch norm")
        ema: float = Field(0.98, ge=0, lt=1, description="decay of the moving average of the weights; 0 is off")
        num_scales: int = Field(3, ge=2, le=4, description="the whole photo and its crops, counted together")
        shared_backbone: bool = Field(True, description="one backbone reads all scales; false gives each its own")
        crop_size: int | None = Field(
            None, ge=32, description="side at which crops are read; half of the photo's by default"
        )
        start_crop: float = Field(
            0.5, gt=0, lt=1, description="initial side of a crop, as a fraction of what it is cut from"
        )
        smallest_crop: float = Field(
            0.33, gt=0, lt=1, description="smallest side of a crop, as a fraction of what it is cut from"
        )
        sharpness: float = Field(10.0, gt=0, description="sharpness of the edge of a crop, per pixel")
        margin: float = Field(0.05, ge=0, lt=1, description="probability that each crop must add for the true class")
        feature_scale: float = Field(4.0, gt=0, description="factor on features of unit length")
        rounds: int = Field(1, ge=1, description="how often the crops learn between the classifiers")
        aim: Literal["evidence", "response"] = Field(
            "response",
            description="what the crops start from: the paper's response, or the trained classifiers' evidence",
        )

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        num_scales: int,
        shared_backbone: bool,
        crop_size: int | None,
        start_crop: float,
        smallest_crop: float,
        sharpness: float,
        margin: float,
        feature_scale: float,
        rounds: int,
        aim: str,
    ) -> None:
        super().__init__(backbone, num_classes)
        if aim not in AIMS:
            raise unknown_name("aim", aim, AIMS)
        inner = num_scales - 1
        copies = 0 if shared_backbone else inner
        self.inner_backbones = nn.ModuleList(copy.deepcopy(backbone) for _ in range(copies))
        self.proposals = nn.ModuleList(AttentionProposal(backbone.local_channels, smallest_crop) for _ in range(inner))
        self.head = nn.Linear(num_scales * backbone.channels, num_classes)
        self.num_scales = num_scales
        self.crop_size = crop_size
        self.start_crop = max(start_crop, smallest_crop)
        self.sharpness = sharpness
        self.margin = margin
        self.feature_scale = feature_scale
        self.rounds = rounds
        self.aim = aim

    def local_features(self, images: Tensor) -> LocalFeatures:
        """Compute the feature map of each scale, (B, C, H, W), and the regions (B, scales - 1, 4)."""
        local, feature_map = self.backbone.maps(images)
        maps, regions = [LocalMap(feature_map)], []
        square: Tensor | None = None
        for index, proposal in enumerate(self.proposals):
            proposed = proposal(local.detach())  # the backbones learn only from their classifiers
            square = proposed if square is None else square_in_square(square, proposed)
            regions.append(squares_to_boxes(square, images.shape[3]))
            local, inner_map = self._crop_maps(images, regions[-1], index)
            maps.append(LocalMap(inner_map, regions[-1][:, None]))
        return LocalFeatures(maps, feature_map=feature_map, regions=torch.stack(regions, 1))

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Logits (B, K) and embedding (B, scales * C)."""
        embedding = torch.cat([_unit_mean(one.features) for one in features.maps], 1) / math.sqrt(self.num_scales)
        logits = self.head(self.feature_scale * embedding)
        return ModelOutput(logits, embedding, feature_map=features.feature_map, regions=features.regions)

    @property
    def evidence_note(self) -> str:
        return "a place's feature at each scale times the class's weights, exactly, the features' lengths held fixed"

    def head_rows(self, output: ModelOutput) -> Tensor:
        return self.feature_scale * output.embedding

    def crop_side(self, side: int) -> int:
        """Side in pixels at which crops of a photo are read: half of the photo's, but no map of a single place.

        A backbone that reads only one size reads crops at the photo's side.

        Raises:
            SettingError: The backbone cannot read crops of that side.
        """
        half = side if self.backbone.reads_one_size else max(side // 2, 2 * self.backbone.reduction)
        chosen = self.crop_size or half
        self.backbone.check_side(chosen)
        return chosen

    def scale_logits(self, output: ModelOutput) -> Tensor:
        """Return the logits of each scale by itself, (B, scales, K)."""
        return block_logits(self.head, self.head_rows(output), self.num_scales)

    def loss(self, output: ModelOutput, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Return the cross-entropies in stages that train the classifiers, the rank loss in those of the proposals."""
        scales = self.scale_logits(output)
        total = output.logits.new_zeros(())
        if self.head.weight.requires_grad:
            repeated = labels.repeat_interleave(self.num_scales, 0)
            total = total + F.cross_entropy(output.logits, labels, label_smoothing=label_smoothing)
            total = total + F.cross_entropy(scales.flatten(0, 1), repeated, label_smoothing=label_smoothing)
        if any(parameter.requires_grad for parameter in self.proposals.parameters()):
            total = total + rank_loss(scales, labels, self.margin)
        return total

    def stages(self) -> list[Stage]:
        """Return a stage for the classifiers, then `rounds` times one for the proposals and one for the classifiers."""
        share = (1 - ATTENTION_SHARE) / (self.rounds + 1)
        classify = Stage("classifiers", share, trains=("head",))
        attend = Stage("proposals", ATTENTION_SHARE / self.rounds, "all", ATTENTION_LR_SCALE, trains=("proposals",))
        return [classify, *self.rounds * [attend, classify]]

    def begin_stage(self, index: int, photos: Photos) -> None:
        """Initialise the proposals, before the first stage at the highest response of the features, as in the paper.

        With `aim` ``evidence`` they are initialised again before they first train by rank: at the square with the most
        evidence of their scale's classifier for the true class over its strongest rival.
        """
        if index == 0 or (index == 1 and self.aim == "evidence"):
            self._aim(photos, by_evidence=index == 1)

    def _aim(self, photos: Photos, *, by_evidence: bool) -> None:
        """Fit each proposal to its squares by regression, the outer one first."""
        what = "its classifier finds most evidence" if by_evidence else "the features respond most"
        for depth, proposal in enumerate(self.proposals):
            assert isinstance(proposal, AttentionProposal)
            maps, targets = self._squares(photos, depth, by_evidence=by_evidence)
            distance = fit_proposal(proposal, maps, targets)
            logger.info(f"  proposal {depth + 1} starts {distance:.3f} of a side from where {what}")

    @torch.no_grad()
    def _squares(self, photos: Photos, depth: int, *, by_evidence: bool) -> tuple[Tensor, Tensor]:
        """Return the inputs (n, C, 7, 7) of the proposal at a depth, in half precision, and its targets (n, 3)."""
        sample = EvenSample[tuple[Tensor, Tensor]](START_PHOTOS)
        for images, labels in photos():
            local, feature_map = self._maps_at(images.to(self.head.weight.device), depth)
            if by_evidence:
                response = self._evidence(feature_map, labels.to(feature_map.device), depth)
                targets = strongest_square(response, self.start_crop)
            else:
                targets = peak_square(feature_map, self.start_crop)
            sample.add(zip(on_grid(local).half(), targets, strict=True))
        return torch.stack([maps for maps, _ in sample.kept]), torch.stack([square for _, square in sample.kept])

    def _evidence(self, feature_map: Tensor, labels: Tensor, depth: int) -> Tensor:
        """Return each place's contribution to the true class's logit minus its strongest rival's, (B, H, W)."""
        features = at_least_float32(feature_map)
        weight = self.head.weight.reshape(self.num_classes, self.num_scales, -1)[:, depth]  # (K, C)
        logits = F.linear(_unit_mean(features), weight)
        rivals = logits.scatter(1, labels[:, None], -torch.inf).argmax(1)
        return torch.einsum("bchw,bc->bhw", features, weight[labels] - weight[rivals])

    def _maps_at(self, images: Tensor, depth: int) -> tuple[Tensor, Tensor]:
        """Return both maps of the scale whose proposal is at a depth."""
        if depth == 0:
            return self.backbone.maps(images)
        regions = self.local_features(images).regions
        assert regions is not None
        return self._crop_maps(images, regions[:, depth - 1], depth - 1)

    def _crop_maps(self, images: Tensor, boxes: Tensor, index: int) -> tuple[Tensor, Tensor]:
        """Return both maps of the crops, by the backbone of that inner scale."""
        backbone = self.inner_backbones[index] if len(self.inner_backbones) else self.backbone
        assert isinstance(backbone, Backbone)
        return backbone.maps(boxcar_crop(images, boxes, self.crop_side(images.shape[3]), self.sharpness))


def rank_loss(scale_logits: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Rank loss: each finer scale must give the true class more probability than the scale before it, by a margin.

    The coarser scale gets no gradient: otherwise it could lower the loss by becoming less certain.

    Args:
        scale_logits: (B, scales, K), the coarsest first.
        labels: (B,), or class probabilities (B, K).
        margin: Margin in probability.

    Returns:
        Scalar: the sum over pairs of neighbouring scales, the mean over photos.
    """
    truth = labels if labels.ndim == 2 else F.one_hot(labels, scale_logits.shape[2])
    sure = (scale_logits.float().softmax(2) * truth[:, None]).sum(2)  # (B, scales)
    return F.relu(sure[:, :-1].detach() - sure[:, 1:] + margin).sum(1).mean()


def _unit_mean(feature_map: Tensor) -> Tensor:
    """Return the mean over places at unit length: (B, C, H, W) -> (B, C)."""
    return unit_length(feature_map.float().mean((2, 3)))
