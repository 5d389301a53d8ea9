"""What every method understands."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["FitSettings", "Pooling"]

Pooling = Literal["avg", "gem", "cov"]


class FitSettings(BaseModel):
    """What every method understands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str = Field(description="name of the method")
    backbone: str | None = Field(None, description="any timm model; EfficientNet-Lite0 when left out")
    weights: Path | None = Field(None, description="file with the backbone's weights instead of the packaged ones")
    image_size: int | None = Field(None, ge=32, le=2048, description="side in pixels; the backbone's own if left out")
    resize: Literal["crop", "squash", "pad"] = Field("crop", description="how a photo becomes a square")
    seed: int = Field(0, ge=0, lt=2**32, description="decides splits, initial weights and the order of photos")
    val_fraction: float = Field(0.1, gt=0, lt=0.5, description="share of train that is held out as val")
    test_fraction: float = Field(0.2, gt=0, lt=0.8, description="share held out as test where the data names none")
    test_views: int = Field(2, ge=1, le=2, description="2 also reads the mirror image and averages")
