"""Settings of the methods that keep the backbone frozen."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from fieldmark.layers.class_balance import Metric
from fieldmark.methods.settings_base import FitSettings

__all__ = ["FrozenSettings"]


class FrozenSettings(FitSettings):
    """Settings of a method whose heads learn from frozen features. It adds the field `zoom`."""

    zoom_with_boxes: ClassVar[bool | Literal["auto"]] = True
    """What `zoom` is with ``crop=box`` where the user does not say: answers then look for what boxes showed."""

    folds: int = Field(
        5, ge=2, le=20, description="folds of the cross-validation that makes every choice and calibrates"
    )
    metric: Metric = Field(
        "top1",
        description="accuracy that the fit aims at: top1 counts photos, mean_class counts each class equally, for "
        "classes of few photos beside large ones",
    )
    crop: Literal["none", "box"] = Field(
        "none",
        description="box: learn from the annotated boxes, too; zoom is then on unless it is set, so that answers "
        "need no box",
    )

    @model_validator(mode="before")
    @classmethod
    def _zooms_with_boxes(cls, values: Any) -> Any:
        if isinstance(values, dict) and values.get("crop") == "box":
            return {"zoom": cls.zoom_with_boxes, **values}
        return values
