"""``pairwise_confusion``: a loss that brings the probabilities of photos of different classes closer together.

Source: Dubey, Gupta, Guo, Raskar, Farrell, Naik, "Pairwise confusion for fine-grained visual classification"
(ECCV 2018).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from fieldmark.backbones.factory import Backbone
from fieldmark.layers.euclidean_confusion import euclidean_confusion
from fieldmark.methods import register_method
from fieldmark.methods.base import ModelOutput
from fieldmark.methods.pooled import PooledMethod
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["PairwiseConfusion"]


@register_method("pairwise_confusion")
class PairwiseConfusion(PooledMethod):
    """Average pooling and a linear layer; cross-entropy plus the Euclidean confusion of pairs in the batch.

    Args:
        backbone: Its feature map is averaged.
        num_classes: K.
        **options: See `Settings`.
    """

    class Settings(GradientSettings):
        """Average pooling, a linear layer, and a loss against over-confident distinctions."""

        method: Literal["pairwise_confusion"] = "pairwise_confusion"
        confusion_weight: float = Field(
            0.1, ge=0, description="weight of the confusion in the loss, for each class: the paper uses 0.1 to 0.2"
        )

    def __init__(self, backbone: Backbone, num_classes: int, *, confusion_weight: float) -> None:
        super().__init__(backbone, num_classes)
        self.confusion_weight = confusion_weight

    def loss(self, output: ModelOutput, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Return the cross-entropy plus the weight times K times `euclidean_confusion`.

        With class probabilities (B, K), the most probable class decides whether a pair is of one class.
        """
        classes = labels if labels.ndim == 1 else labels.argmax(1)
        confusion = euclidean_confusion(output.logits, classes)
        loss = super().loss(output, labels, label_smoothing=label_smoothing)
        return loss + self.confusion_weight * self.num_classes * confusion
