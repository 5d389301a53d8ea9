"""``api_net``: pairs of similar photos compare their features, and learn what distinguishes them.

Source: Zhuang, Wang, Qiao, "Learning attentive pairwise interaction for fine-grained classification" (AAAI 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from fieldmark.backbones.factory import Backbone
from fieldmark.layers.pair_interaction import InteractedPairs, PairInteraction, nearest_pairs
from fieldmark.methods import register_method
from fieldmark.methods.base import LocalFeatures, ModelOutput, Stage
from fieldmark.methods.pooled import PooledMethod
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["APINet", "APINetOutput"]

HEADS_SHARE = 0.1
"""Share of the epochs in which only the interaction and the classifier train: 8 of 100 in the paper."""


@dataclass(slots=True, kw_only=True)
class APINetOutput(ModelOutput):
    """The output of a training step.

    Attributes:
        kept: (2 B, hidden), factors of the dropout in the interaction of at most two pairs for each photo.
    """

    kept: Tensor | None = None


@register_method("api_net")
class APINet(PooledMethod):
    """Average pooling and a linear layer, trained on pairs of each photo with its nearest neighbours in the batch.

    Args:
        backbone: Its feature map is averaged.
        num_classes: K.
        **options: See `Settings`.
    """

    class Settings(GradientSettings):
        """Pairs of similar photos compare their features, and learn what distinguishes them."""

        method: Literal["api_net"] = "api_net"
        per_class: int | None = Field(4, ge=1, description="photos of each class in a batch; none draws freely")
        rank_weight: float = Field(1.0, ge=0, description="weight of the score ranking in the loss")
        rank_margin: float = Field(
            0.05, ge=0, lt=1, description="by how much a photo's own gate must raise the probability of its class"
        )
        hidden: int = Field(512, ge=1, description="width of the perceptron that compares two photos")
        pair_dropout: float = Field(0.5, ge=0, lt=1, description="dropout on that layer")

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        rank_weight: float,
        rank_margin: float,
        hidden: int,
        pair_dropout: float,
    ) -> None:
        super().__init__(backbone, num_classes)
        self.rank_weight, self.rank_margin, self.pair_dropout = rank_weight, rank_margin, pair_dropout
        self.interaction = PairInteraction(backbone.channels, hidden)

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Compute logits (B, K) and embedding (B, C) of each photo by itself: answers need no pairs."""
        output = super().classify(features)
        if not self.training:
            return output
        ones = output.embedding.new_ones(2 * len(output.embedding), self.interaction.hidden)
        kept = F.dropout(ones, self.pair_dropout)
        return APINetOutput(output.logits, output.embedding, feature_map=output.feature_map, kept=kept)

    def loss(self, output: ModelOutput, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Return the cross-entropy of all attended features plus the weighted score ranking (eq. 5 to 7).

        A single photo has no partner: its loss is the cross-entropy of its logits. With class probabilities (B, K), the
        most probable class decides which photos form pairs.
        """
        classes = labels if labels.ndim == 1 else labels.argmax(1)
        first, second = nearest_pairs(output.embedding, classes)
        if not isinstance(output, APINetOutput) or not len(first):
            return super().loss(output, labels, label_smoothing=label_smoothing)
        assert output.kept is not None
        pairs = self.interaction(output.embedding[first], output.embedding[second], output.kept[: len(first)])
        own, other = self.pair_logits(pairs)
        truth = torch.cat([labels[first], labels[second]])
        entropy = F.cross_entropy(torch.cat([own, other]), torch.cat([truth, truth]), label_smoothing=label_smoothing)
        return entropy + self.rank_weight * score_ranking(own, other, truth, self.rank_margin)

    def pair_logits(self, pairs: InteractedPairs) -> tuple[Tensor, Tensor]:
        """Return the logits behind the own and the other gates, (2 n, K) each, second photos last."""
        own: Tensor = self.head(torch.cat(pairs.own))
        other: Tensor = self.head(torch.cat(pairs.other))
        return own, other

    def stages(self) -> list[Stage]:
        return [Stage("interaction and classifier", HEADS_SHARE, freeze="all"), Stage("all layers", 1 - HEADS_SHARE)]


def score_ranking(own: Tensor, other: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Return how far the own gate fails to raise the probability of the true class by the margin, a scalar (eq. 7).

    Args:
        own: (n, K), logits behind the photo's own gate.
        other: (n, K), logits behind the gate of its partner.
        labels: (n,), or class probabilities (n, K).
        margin: In probability.
    """
    truth = labels if labels.ndim == 2 else F.one_hot(labels, own.shape[1])
    difference = torch.softmax(other.float(), 1) - torch.softmax(own.float(), 1)
    return F.relu((difference * truth).sum(1) + margin).mean()
