"""Settings of the methods that find where to look by what the labels alone teach."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fieldmark.settings.gradient import GradientSettings

__all__ = ["MACNNSettings", "RACNNSettings"]


class RACNNSettings(GradientSettings):
    """The photo and crops of it, each cut from the one before, one backbone for all."""

    method: Literal["ra_cnn"] = "ra_cnn"
    epochs: int = Field(10, ge=1, le=10_000)
    head_lr_scale: float = Field(3.0, gt=0, description="factor on it for the head")
    freeze: str | None = Field("stage2", description="last backbone stage that stays as it is; none trains all")
    frozen_batchnorm: bool = Field(True, description="keep the running statistics of batch norm")
    ema: float = Field(0.98, ge=0, lt=1, description="decay of the moving average of the weights; 0 is off")
    num_scales: int = Field(3, ge=2, le=4, description="the whole photo and the crops")
    shared_backbone: bool = Field(True, description="one backbone reads all scales; false gives each its own")
    crop_size: int | None = Field(None, ge=32, description="side at which crops are read; none is half the photo's")
    start_crop: float = Field(0.5, gt=0, lt=1, description="side of the crops at first, of what they are cut from")
    smallest_crop: float = Field(0.33, gt=0, lt=1, description="least side of a crop, of what it is cut from")
    sharpness: float = Field(10.0, gt=0, description="how sharp the edge of a crop is, per pixel")
    margin: float = Field(0.05, ge=0, lt=1, description="probability by which a closer look has to be surer")
    feature_scale: float = Field(4.0, gt=0, description="factor on features of unit length")
    rounds: int = Field(1, ge=1, description="how often the crops learn in between")
    aim: Literal["evidence", "response"] = Field(
        "response", description="what the crops start from: the paper's response, or the trained classifiers' evidence"
    )


class MACNNSettings(GradientSettings):
    """Parts as groups of channels that peak together."""

    method: Literal["ma_cnn"] = "ma_cnn"
    epochs: int = Field(10, ge=1, le=10_000)
    head_lr_scale: float = Field(3.0, gt=0, description="factor on it for the head")
    freeze: str | None = Field("stage2", description="last backbone stage that stays as it is; none trains all")
    frozen_batchnorm: bool = Field(True, description="keep the running statistics of batch norm")
    ema: float = Field(0.98, ge=0, lt=1, description="decay of the moving average of the weights; 0 is off")
    num_parts: int = Field(4, ge=2, le=64, description="parts besides the whole photo")
    diversity_weight: float = Field(2.0, ge=0, description="weight of the parts' overlap against their spread")
    diversity_margin: float = Field(0.02, ge=0, lt=1, description="overlap that is forgiven")
    feature_scale: float = Field(4.0, gt=0, description="factor on features of unit length")
    rounds: int = Field(1, ge=1, description="how often groups and classifiers take turns")
