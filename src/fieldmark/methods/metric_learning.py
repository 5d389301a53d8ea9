"""``metric_learning``: an embedding of unit length in which classes gather, and answers by the nearest remembered ones.

Source: Schroff, Kalenichenko, Philbin, "FaceNet: a unified embedding for face recognition and clustering" (CVPR 2015);
Kim, Kim, Cho, Kwak, "Proxy anchor loss for deep metric learning" (CVPR 2020); and those that the losses name.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.layers.class_memory import ClassMemory
from fieldmark.layers.metric import create_metric_loss
from fieldmark.layers.pooling.global_pooling import create_pooling
from fieldmark.methods.base import Method, ModelOutput, Photos

__all__ = ["MetricLearning"]


class MetricLearning(Method):
    """Pooling, a linear layer, unit length; a loss on distances; logits from what is remembered of each class.

    While it trains, the memory holds the newest embeddings of each class, so that val scores mean what answers will;
    at the end it is filled from the training photos as they are (`finish`).

    Args:
        backbone: Its feature map is pooled.
        num_classes: K.
        objective: Name of the loss; see `create_metric_loss` for its options.
        miner: Which triplets count; None for the loss's own, as with the three options that follow.
        margin: Of the loss.
        scale: Factor on similarities in the loss.
        sub_centers: Learned vectors for each class.
        embedding_dim: D.
        pooling: ``avg`` or ``gem``.
        remembered: M, embeddings that each class is remembered by.
        temperature: See `ClassMemory`.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        objective: str = "proxy_anchor",
        miner: str | None = None,
        margin: float | None = None,
        scale: float | None = None,
        sub_centers: int | None = None,
        embedding_dim: int = 512,
        pooling: str = "avg",
        remembered: int = 16,
        temperature: float = 0.05,
    ) -> None:
        super().__init__(backbone, num_classes)
        self.pool = create_pooling(pooling, backbone.channels)
        self.project = nn.Linear(self.pool.dim, embedding_dim)
        self.objective = create_metric_loss(
            objective, num_classes, embedding_dim, miner=miner, margin=margin, scale=scale, sub_centers=sub_centers
        )
        self.memory = ClassMemory(num_classes, remembered, embedding_dim, temperature)

    def forward(self, images: Tensor) -> ModelOutput:
        """Normalised images (B, 3, S, S) to logits (B, K) and an embedding (B, D) of unit length."""
        feature_map = self.backbone(images)
        embedding = F.normalize(self.project(self.pool(feature_map)), dim=1)
        # The memory changes between steps and teaches nothing: no gradient goes through the logits.
        return ModelOutput(self.memory(embedding.detach()), embedding, feature_map=feature_map)

    def loss(self, output: ModelOutput, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """The objective; in training the batch is then remembered.

        Distances know no shares of classes: probabilities (B, K) count as the most probable class, and
        `label_smoothing` changes nothing. The settings of the method refuse both.
        """
        classes = labels if labels.ndim == 1 else labels.argmax(1)
        loss: Tensor = self.objective(output.embedding, classes)
        if self.training:
            self.memory.push(output.embedding, classes)
        return loss

    @torch.no_grad()
    def finish(self, photos: Photos) -> None:
        """Remember the training photos as the final weights see them."""
        embeddings, labels = zip(*((self(images).embedding, labels) for images, labels in photos()), strict=True)
        self.memory.fill(torch.cat(embeddings), torch.cat(labels))
