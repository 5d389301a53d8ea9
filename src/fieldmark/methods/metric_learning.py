"""``metric_learning``: an embedding in which classes form clusters; the nearest stored photos decide.

Source: Schroff, Kalenichenko, Philbin, "FaceNet: a unified embedding for face recognition and clustering" (CVPR 2015);
Kim, Kim, Cho, Kwak, "Proxy anchor loss for deep metric learning" (CVPR 2020). The documentation of
pytorch-metric-learning cites the papers of the other losses.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from torch import Tensor, nn

from fieldmark.backbones.factory import Backbone
from fieldmark.layers.class_memory import ClassMemory
from fieldmark.layers.metric import OBJECTIVE_OPTIONS, create_metric_loss
from fieldmark.layers.pooling.global_pooling import GeneralizedMeanPool, create_pooling
from fieldmark.layers.unit_length import unit_length
from fieldmark.methods import register_method
from fieldmark.methods.base import LocalFeatures, LocalMap, Method, ModelOutput, Photos
from fieldmark.methods.settings_base import GradientSettings

__all__ = ["MetricLearning", "ObjectiveName"]

ObjectiveName = Literal[
    "contrastive", "triplet", "supcon", "multi_similarity", "proxy_anchor", "arcface", "subcenter_arcface"
]

_COMPARES_PHOTOS = ("contrastive", "triplet", "supcon", "multi_similarity")
"""Objectives that compare photos of one class. They need at least two photos of a class in each batch."""


@register_method("metric_learning")
class MetricLearning(Method):
    """Pooling, a linear layer, unit length; a loss on distances; logits from the stored embeddings of each class.

    During training the memory holds the newest embeddings of each class, so that val scores predict the accuracy of
    answers. At the end it is filled from the training photos without augmentation (`finish`).

    Args:
        backbone: Its feature map is pooled.
        num_classes: K.
        **options: See `Settings`.

    """

    class Settings(GradientSettings):
        """An embedding in which photos of one class lie close; answers come from the nearest remembered photos."""

        method: Literal["metric_learning"] = "metric_learning"
        per_class: int | None = Field(
            4, ge=1, validate_default=True, description="photos of each class in a batch; none draws freely"
        )
        label_smoothing: float = Field(0.0, ge=0, description="must be 0: the losses use no class probabilities")
        mixup: float = Field(0.0, ge=0, description="must be 0: the losses compare photos of one class each")
        cutmix: float = Field(0.0, ge=0, description="must be 0: the losses compare photos of one class each")
        objective: ObjectiveName = Field("proxy_anchor", validate_default=True, description="the loss, by name")
        miner: Literal["batch_hard", "semi_hard"] | None = Field(
            None, description="which triplets count, only for triplet; batch_hard by default"
        )
        margin: float | None = Field(
            None, ge=0, description="margin of the loss, in degrees for arcface; its own by default"
        )
        scale: float | None = Field(None, gt=0, description="factor on similarities in the loss; its own by default")
        sub_centers: int | None = Field(
            None, ge=1, description="vectors for each class, only for subcenter_arcface; 3 by default"
        )
        embedding_dim: int = Field(512, ge=2, description="length of the embedding")
        pooling: Literal["avg", "gem"] = Field("avg", description="pooling of the feature map")
        remembered: int = Field(16, ge=1, description="embeddings that are kept for each class")
        temperature: float = Field(
            0.05, gt=0, description="smaller differences of similarity to kept embeddings count little"
        )

        @field_validator("per_class")
        @classmethod
        def _leaves_room_for_two(cls, value: int | None, info: ValidationInfo) -> int | None:
            size = info.data.get("batch_size")
            if value and size and size < 2 * value:
                raise PydanticCustomError(
                    "room",
                    "{each} photos a class and two classes make {least}, but batch_size is {size}; change either",
                    {"each": value, "least": 2 * value, "size": size},
                )
            return value

        @field_validator("label_smoothing", "mixup", "cutmix")
        @classmethod
        def _one_class_a_photo(cls, value: float) -> float:
            if value:
                raise PydanticCustomError("one_class", "its losses compare photos of one class each, so it must stay 0")
            return value

        @field_validator("objective")
        @classmethod
        def _finds_pairs(cls, value: str, info: ValidationInfo) -> str:
            per_class = info.data.get("per_class")
            if value in _COMPARES_PHOTOS and (per_class is None or per_class < 2):
                raise PydanticCustomError(
                    "pairs", "{name} compares photos of one class, so per_class must be 2 or more", {"name": value}
                )
            return value

        @field_validator("miner", "margin", "scale", "sub_centers")
        @classmethod
        def _is_known_to_the_objective(cls, value: Any, info: ValidationInfo) -> Any:
            objective = info.data.get("objective")
            if value is not None and objective and info.field_name not in OBJECTIVE_OPTIONS[objective]:
                raise PydanticCustomError("unused", "{name} has no such option; leave it out", {"name": objective})
            return value

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        objective: str,
        miner: str | None,
        margin: float | None,
        scale: float | None,
        sub_centers: int | None,
        embedding_dim: int,
        pooling: str,
        remembered: int,
        temperature: float,
    ) -> None:
        super().__init__(backbone, num_classes)
        self.pool = create_pooling(pooling, backbone.channels)
        self.project = nn.Linear(self.pool.dim, embedding_dim)
        self.objective = create_metric_loss(
            objective, num_classes, embedding_dim, miner=miner, margin=margin, scale=scale, sub_centers=sub_centers
        )
        self.memory = ClassMemory(num_classes, remembered, embedding_dim, temperature)

    def local_features(self, images: Tensor) -> LocalFeatures:
        """Compute the backbone's feature map, (B, C, H, W)."""
        feature_map = self.backbone(images)
        return LocalFeatures([LocalMap(feature_map)], feature_map=feature_map)

    def classify(self, features: LocalFeatures) -> ModelOutput:
        """Compute logits (B, K) and an embedding (B, D) of unit length."""
        embedding = unit_length(self.project(self.pool(features.maps[0].features)), eps=1e-12)
        # The memory changes between steps, so no gradient may pass through the logits in training.
        logits = self.memory(embedding.detach() if self.training else embedding)
        return ModelOutput(logits, embedding, feature_map=features.feature_map)

    @property
    def evidence_note(self) -> str:
        kind = "gradient times feature" if isinstance(self.pool, GeneralizedMeanPool) else "a place's feature"
        return f"likeness to what is remembered of the class, to first order: {kind}, the embedding's length held fixed"

    def loss(self, output: ModelOutput, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
        """Return the loss of the objective; in training, store the batch afterwards.

        The losses take class indices only: probabilities (B, K) count as the most probable class, and `label_smoothing`
        has no effect. The settings of the method reject both.
        """
        classes = labels if labels.ndim == 1 else labels.argmax(1)
        loss: Tensor = self.objective(output.embedding, classes)
        if self.training:
            self.memory.push(output.embedding, classes)
        return loss

    @torch.no_grad()
    def finish(self, photos: Photos) -> None:
        """Store the embeddings of the training photos by the final weights."""
        embeddings, labels = zip(*((self(images).embedding, labels) for images, labels in photos()), strict=True)
        self.memory.fill(torch.cat(embeddings), torch.cat(labels))
