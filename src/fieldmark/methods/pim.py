"""``pim``: a plug-in module that selects the most certain places of several stages and combines them by a graph.

Source: Chou, Lin, Kao, "A novel plug-in module for fine-grained visual classification" (2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.backbones.levels import feature_levels, level_channels
from fieldmark.layers.attention.confident_places import PlaceClassifier, gather_places, rank_places
from fieldmark.layers.graph_combiner import GraphCombiner
from fieldmark.layers.pooling.feature_pyramid import FeaturePyramid
from fieldmark.methods import register_method
from fieldmark.methods.base import LocalFeatures, LocalMap, Method, ModelOutput
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["PIM", "PIMOutput"]


@dataclass(slots=True, kw_only=True)
class PIMOutput(ModelOutput):
    """The output of a training step.

    Attributes:
        place_logits: (B, K, N_i) of every place of each level.
        dropped_logits: (B, K, N_i - S_i) of the places of each level that are not selected.
    """

    place_logits: list[Tensor]
    dropped_logits: list[Tensor]


@register_method("pim")
class PIM(Method):
    """Feature pyramid, a classifier of places and a selection for each level, a graph combiner, a linear layer.

    Args:
        backbone: Its last `levels` stages are read, at the image size that it was built for.
        num_classes: K.
        **options: See `Settings`.
    """

    class Settings(GradientSettings):
        """The most certain places of several stages, combined by a graph convolution."""

        method: Literal["pim"] = "pim"
        levels: int = Field(4, ge=1, le=5, description="stages of the backbone that are read")
        pyramid_channels: int = Field(512, ge=4, description="channels of the feature pyramid; the paper uses 1536")
        selected: float = Field(
            2 / 9, gt=0, le=1, description="fraction of the places of each level that is selected; 2/9 in the paper"
        )
        level_weight: float = Field(0.5, ge=0, description="weight of the cross-entropy of each level's mean logits")
        dropped_weight: float = Field(5.0, ge=0, description="weight of the loss that makes dropped places uncertain")
        dropout: float = Field(0.1, ge=0, lt=1, description="dropout on the embedding")

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        levels: int,
        pyramid_channels: int,
        selected: float,
        level_weight: float,
        dropped_weight: float,
        dropout: float,
    ) -> None:
        super().__init__(backbone, num_classes)
        self.levels, self.level_weight, self.dropped_weight = levels, level_weight, dropped_weight
        self.pyramid = FeaturePyramid(level_channels(backbone, levels), pyramid_channels)
        self.counts = [max(1, round(selected * places)) for places in self._places()]
        self.classifiers = nn.ModuleList(PlaceClassifier(pyramid_channels, num_classes) for _ in range(levels))
        self.combiner = GraphCombiner(sum(self.counts), pyramid_channels)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(pyramid_channels, num_classes)

    def local_features(self, images: Tensor) -> LocalFeatures:
        """Compute the pyramid's maps, (B, D, H_i, W_i), the finest first.

        Raises:
            SettingError: The images have another size than the backbone was built for.
        """
        self.backbone.check_built_size(images)
        maps = self.pyramid(feature_levels(self.backbone, images, self.levels))
        return LocalFeatures([LocalMap(one) for one in maps], feature_map=maps[-1])

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Compute logits (B, K) and embedding (B, D); in training also the logits of all and of dropped places.

        `ModelOutput.attention_maps` holds the largest probability at each place, a map for each level, on the finest
        grid.
        """
        maps = [one.features for one in features.maps]
        logits = self.place_logits(features)
        embedding = self.combiner(self.chosen_places(features, logits))
        answer = self.head(self.dropout(embedding))
        attention = _confidence_maps(logits, maps)
        if not self.training:
            return ModelOutput(answer, embedding, attention, features.feature_map)
        dropped = [
            gather_places(one, rank_places(one)[:, count:]) for one, count in zip(logits, self.counts, strict=True)
        ]
        return PIMOutput(
            answer, embedding, attention, features.feature_map, place_logits=logits, dropped_logits=dropped
        )

    def place_logits(self, features: LocalFeatures) -> list[Tensor]:
        """Return the logits of every place of each level, (B, K, N_i)."""
        return [classifier(one.features) for classifier, one in zip(self.classifiers, features.maps, strict=True)]

    def chosen_places(self, features: LocalFeatures, logits: list[Tensor] | None = None) -> Tensor:
        """Return the features of the selected places of all levels, (B, D, S), the most certain of a level first."""
        logits = self.place_logits(features) if logits is None else logits
        return torch.cat(
            [
                gather_places(one.features.flatten(2), rank_places(place)[:, :count])
                for one, place, count in zip(features.maps, logits, self.counts, strict=True)
            ],
            2,
        )

    @property
    def evidence_note(self) -> str:
        return "what each selected place adds, exactly, the selection and the edges of the graph held fixed"

    def loss(self, output: ModelOutput, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Return the cross-entropy of the answer, plus that of each level and the loss of dropped places.

        A dropped place costs the mean squared distance of tanh of its logits from -1: it should support no class.
        """
        loss = super().loss(output, labels, label_smoothing=label_smoothing)
        if not isinstance(output, PIMOutput):
            return loss
        for logits in output.place_logits:
            level = F.cross_entropy(logits.mean(2), labels, label_smoothing=label_smoothing)
            loss = loss + self.level_weight * level
        for dropped in output.dropped_logits:
            squares = (dropped.float().tanh() + 1).square().sum()
            loss = loss + self.dropped_weight * squares / max(1, dropped.numel())
        return loss

    @torch.no_grad()
    def _places(self) -> list[int]:
        """Return the number of places of each level's map at the size that the backbone was built for."""
        side = self.backbone.built_size
        was_training = self.backbone.training
        images = torch.zeros(1, 3, side, side, device=next(self.backbone.parameters()).device)
        levels = feature_levels(self.backbone.eval(), images, self.levels)
        self.backbone.train(was_training)
        return [one[0, 0].numel() for one in levels]


def _confidence_maps(logits: list[Tensor], maps: list[Tensor]) -> Tensor:
    """Return the largest probability at each place, (B, levels, H, W) on the grid of the first map."""
    size = (int(maps[0].shape[2]), int(maps[0].shape[3]))
    confidences = []
    for one, level in zip(logits, maps, strict=True):
        confidence = torch.softmax(one.float(), 1).amax(1, keepdim=True).reshape(-1, 1, *level.shape[2:])
        confidences.append(F.interpolate(confidence, size=size, mode="nearest"))
    return torch.cat(confidences, 1)
