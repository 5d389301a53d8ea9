"""Settings of the methods that look at parts of a photo: chosen regions, or shuffled patches."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fieldmark.settings.gradient import GradientSettings

__all__ = ["NTSNetSettings", "PMGSettings"]


class NTSNetSettings(GradientSettings):
    """A navigator proposes regions, a teacher ranks them, a scrutinizer reads the best."""

    method: Literal["nts_net"] = "nts_net"
    head_lr_scale: float = Field(2.0, gt=0, description="factor on it for the head")
    frozen_batchnorm: bool = Field(True, description="keep the running statistics of batch norm")
    num_proposals: int = Field(6, ge=1, le=16, description="regions of each training photo that are classified")
    num_parts: int = Field(4, ge=1, le=16, description="the best of them, which the answer reads")
    part_size: int | None = Field(
        None, ge=32, le=1024, description="side that a region is resized to; half of image_size if left out"
    )
    max_iou: float = Field(0.25, ge=0, lt=1, description="regions that overlap more count as one")
    rank_weight: float = Field(1.0, ge=0, description="weight of the ranking of regions in the loss")
    dropout: float = Field(0.2, ge=0, lt=1)


class PMGSettings(GradientSettings):
    """Fine stages learn from small shuffled patches, coarse ones from large ones."""

    method: Literal["pmg"] = "pmg"
    head_lr_scale: float = Field(2.0, gt=0, description="factor on it for the head")
    frozen_batchnorm: bool = Field(True, description="keep the running statistics of batch norm")
    levels: int = Field(3, ge=1, le=5, description="stages of the backbone that answer")
    channels: int = Field(512, ge=2, description="length of each stage's descriptor; the paper has 1024")
