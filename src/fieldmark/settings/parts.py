"""Settings of the methods that learn from annotated parts."""

from __future__ import annotations

import tomllib
from typing import Any, Literal

from pydantic import Field, field_validator

from fieldmark.settings.gradient import GradientSettings

__all__ = ["PartRCNNSettings"]


class PartRCNNSettings(GradientSettings):
    """A detector of the object and its parts, and a classifier of what each shows."""

    method: Literal["part_rcnn"] = "part_rcnn"
    batch_size: int = Field(16, ge=1)
    freeze: str | None = Field("stage2", description="last backbone stage that stays as it is; all trains heads alone")
    frozen_batchnorm: bool = Field(True, description="keep the running statistics of batch norm")
    parts: dict[str, tuple[str, ...]] | None = Field(
        None, description="part -> its points, such as {head=['beak','crown']}; from the data's points if left out"
    )
    part_size: int | None = Field(None, ge=16, le=2048, description="side of crops in pixels; half of the photo's")
    part_fraction: float = Field(0.3, gt=0, le=2, description="side of a part of one point, of the object's side")
    constraint: Literal["none", "box", "neighbours"] = Field(
        "none", description="parts anywhere; inside of the object; and where similar photos have them"
    )
    neighbours: int = Field(20, ge=1, description="similar photos that say where parts lie")
    alpha: float = Field(0.1, ge=0, le=10, description="exponent of what they say")
    dropout: float = Field(0.2, ge=0, lt=1)
    detection_weight: float = Field(1.0, gt=0, description="weight of the detector's loss")

    @field_validator("parts", mode="before")
    @classmethod
    def _read_table(cls, value: Any) -> Any:
        """A table written as text, as ``--set`` gives it."""
        if not isinstance(value, str):
            return value
        try:
            return tomllib.loads(f"parts = {value}")["parts"]
        except tomllib.TOMLDecodeError:
            raise ValueError("expected a table such as {head=['beak','crown'], body=['back','tail']}") from None

    @field_validator("parts")
    @classmethod
    def _demand_points(cls, value: dict[str, tuple[str, ...]] | None) -> dict[str, tuple[str, ...]] | None:
        if value is not None and (not value or not all(value.values())):
            raise ValueError("expected at least one part, each of at least one point")
        return value

    def method_options(self) -> dict[str, Any]:
        """With `probe_start`: the classifier is fitted on crops, which this method alone knows how to make."""
        return super().method_options() | {"probe_start": self.probe_start}
