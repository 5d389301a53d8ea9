"""What every method understands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["ConformalName", "FitSettings", "Pooling"]

Pooling = Literal["avg", "gem", "cov"]
ConformalName = Literal["lac", "aps", "raps"]


def _to_int(value: Any) -> Any:
    """Text that ``--set`` brings as a number, where it is one."""
    return int(value) if isinstance(value, str) and value.isdigit() else value


class FitSettings(BaseModel):
    """What every method understands."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: str = Field(description="name of the method")
    backbone: str | None = Field(None, description="any timm model; EfficientNet-Lite0 when left out")
    weights: Path | None = Field(None, description="file with the backbone's weights instead of the packaged ones")
    image_size: int | None = Field(None, ge=32, le=2048, description="side in pixels; the backbone's own if left out")
    resize: Literal["crop", "squash", "pad"] = Field("crop", description="how a photo becomes a square")
    classes: str | None = Field(
        None, description="train on these classes alone: a range such as 0:25, or names with commas between them"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="decides splits, initial weights and the order of photos")
    val_fraction: float = Field(0.1, gt=0, lt=0.5, description="share of train that is held out as val")
    test_fraction: float = Field(0.2, gt=0, lt=0.8, description="share held out as test where the data names none")
    gallery_uri: str | None = Field(
        None,
        description="where the gallery of known photos goes, such as s3://bucket/folder; into the model if left out",
    )
    coverage: float = Field(0.9, gt=0, lt=1, description="share of candidate sets that shall hold the truth")
    conformal: ConformalName = Field(
        "lac",
        description="score of the candidate sets: lac for small ones, aps or raps for sizes that follow the difficulty",
    )
    confidence: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="share of answers that shall be right at their rank; they climb to ancestors for it",
    )
    test_views: Annotated[Literal[1, 2, 5, 10], BeforeValidator(_to_int)] = Field(
        2, description="looks averaged: 2 adds the mirror image, 5 four corners, 10 both"
    )
