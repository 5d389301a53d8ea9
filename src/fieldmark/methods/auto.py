"""``auto``: frozen features; larger backbones and fine-tuning only if they raise the cross-validated accuracy."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fieldmark.layers.class_balance import Metric
from fieldmark.methods import register_method
from fieldmark.methods.pooled import PooledMethod
from fieldmark.methods.settings_base import FitSettings

__all__ = ["Auto"]


@register_method("auto")
class Auto(PooledMethod):
    """A member of the model that ``auto`` fits: frozen backbone, poolings, one linear layer."""

    class Settings(FitSettings):
        """Frozen features first; more only if it raises the cross-validated accuracy."""

        method: Literal["auto"] = "auto"
        budget: float | None = Field(None, gt=0, description="seconds that may be spent; --budget 10m")
        folds: int = Field(
            5, ge=2, le=20, description="folds of the cross-validation that makes every choice and calibrates"
        )
        metric: Metric = Field(
            "top1",
            description="accuracy that the fit aims at: top1 counts photos, mean_class counts each class equally, for "
            "classes of few photos beside large ones",
        )
        zoom: bool | Literal["auto"] = Field(
            False,
            description="also read views that are zoomed in on the object; auto lets the cross-validation decide",
        )

    trainer = "fieldmark.training.frozen.train_auto:train_auto"
