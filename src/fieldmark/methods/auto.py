"""``auto``: frozen features; larger backbones and fine-tuning only if they raise the cross-validated accuracy."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from fieldmark.methods import register_method
from fieldmark.methods.frozen_settings import FrozenSettings
from fieldmark.methods.pooled import PooledMethod

__all__ = ["Auto"]


@register_method("auto")
class Auto(PooledMethod):
    """A member of the model that ``auto`` fits: frozen backbone, poolings, one linear layer."""

    class Settings(FrozenSettings):
        """Frozen features first; more only if it raises the cross-validated accuracy."""

        zoom_with_boxes: ClassVar[bool | Literal["auto"]] = "auto"

        method: Literal["auto"] = "auto"
        budget: float | None = Field(None, gt=0, description="seconds that may be spent; --budget 10m")
        zoom: bool | Literal["auto"] = Field(
            False,
            description="also read views that are zoomed in on the object; auto lets the cross-validation decide",
        )

    trainer = "fieldmark.training.frozen.train_auto:train_auto"
