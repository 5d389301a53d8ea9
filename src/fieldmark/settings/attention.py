"""Settings of the methods that weigh the places of a feature map."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fieldmark.settings.gradient import GradientSettings

__all__ = ["CALSettings", "CbamSettings", "WSDANSettings"]


class CbamSettings(GradientSettings):
    """Attention over channels and places after the backbone."""

    method: Literal["cbam"] = "cbam"
    attention: Literal["cbam", "se"] = Field("cbam", description="se weighs channels alone")
    reduction: int = Field(16, ge=1, description="channels for one hidden unit of the network that weighs them")
    dropout: float = Field(0.2, ge=0, lt=1)


class WSDANSettings(GradientSettings):
    """Attention maps that guide crops and erasures of the training photos."""

    method: Literal["ws_dan"] = "ws_dan"
    num_maps: int = Field(32, ge=1, description="attention maps")
    feature_scale: float = Field(4.0, gt=0, description="factor on the descriptor of unit length")
    center_weight: float = Field(1.0, ge=0, description="weight of the distance from the class's centre")
    center_rate: float = Field(0.05, gt=0, le=1, description="how fast the centres move")
    refine: bool = Field(True, description="answer from the whole photo and from its attended part")


class CALSettings(GradientSettings):
    """Attention maps that learn from the difference they make to the answer."""

    method: Literal["cal"] = "cal"
    num_maps: int = Field(32, ge=1, description="attention maps")
    feature_scale: float = Field(4.0, gt=0, description="factor on the descriptor of unit length")
    center_weight: float = Field(1.0, ge=0, description="weight of the distance from the class's centre")
    center_rate: float = Field(0.05, gt=0, le=1, description="how fast the centres move")
    counterfactual: Literal["random", "uniform", "shuffled"] = Field(
        "random", description="attention that the effect is measured against"
    )
    effect_weight: float = Field(1.0, ge=0, description="weight of the effect's cross-entropy")
    guided: bool = Field(True, description="train on crops and erasures that the maps guide, too")
    num_crops: int = Field(3, ge=0, le=3, description="closer looks that an answer averages besides the whole photo")
