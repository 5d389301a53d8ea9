"""Settings of embeddings that are learned by comparison."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from fieldmark.settings.gradient import GradientSettings

__all__ = ["OBJECTIVE_OPTIONS", "MetricLearningSettings", "ObjectiveName"]

ObjectiveName = Literal[
    "contrastive", "triplet", "supcon", "multi_similarity", "proxy_anchor", "arcface", "subcenter_arcface"
]

OBJECTIVE_OPTIONS: dict[str, dict[str, Any]] = {
    "contrastive": {"margin": 1.0},
    "triplet": {"margin": 0.2, "miner": "batch_hard"},
    "supcon": {"scale": 10.0},
    "multi_similarity": {},
    "proxy_anchor": {"margin": 0.1, "scale": 32.0},
    "arcface": {"margin": 28.6, "scale": 32.0},
    "subcenter_arcface": {"margin": 28.6, "scale": 32.0, "sub_centers": 3},
}
"""Objective -> the options that it knows, with the values that they have when left out."""

_COMPARES_PHOTOS = ("contrastive", "triplet", "supcon", "multi_similarity")
"""They learn from pairs of photos, and nothing from batches without two photos of a class."""


class MetricLearningSettings(GradientSettings):
    """An embedding in which photos of one class lie close, and answers by the nearest remembered photos."""

    method: Literal["metric_learning"] = "metric_learning"
    per_class: int | None = Field(
        4, ge=1, validate_default=True, description="photos of each class in a batch; none draws them freely"
    )
    label_smoothing: float = Field(0.0, ge=0, description="must stay 0: the losses know no class probabilities")
    mixup: float = Field(0.0, ge=0, description="must stay 0: a photo of two classes is near to neither")
    cutmix: float = Field(0.0, ge=0, description="must stay 0: a photo of two classes is near to neither")
    objective: ObjectiveName = Field("proxy_anchor", validate_default=True, description="the loss")
    miner: Literal["batch_hard", "semi_hard"] | None = Field(
        None, description="which triplets count, for triplet alone; batch_hard when left out"
    )
    margin: float | None = Field(None, ge=0, description="of the loss; its own when left out; degrees for arcface")
    scale: float | None = Field(None, gt=0, description="factor on similarities in the loss; its own when left out")
    sub_centers: int | None = Field(
        None, ge=1, description="vectors a class, for subcenter_arcface alone; 3 if left out"
    )
    embedding_dim: int = Field(512, ge=2, description="length of the embedding")
    pooling: Literal["avg", "gem"] = Field("avg", description="of the feature map")
    remembered: int = Field(16, ge=1, description="embeddings that each class is remembered by")
    temperature: float = Field(0.05, gt=0, description="below it, similarities to remembered embeddings count as equal")

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
