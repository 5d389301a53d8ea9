"""``linear_probe``: a softmax regression on frozen, pooled features."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fieldmark.data.photos.zoom import MAX_TILES
from fieldmark.methods import register_method
from fieldmark.methods.frozen_settings import FrozenSettings
from fieldmark.methods.pooled import PooledMethod
from fieldmark.methods.settings_base import Pooling

__all__ = ["LinearProbe"]


@register_method("linear_probe")
class LinearProbe(PooledMethod):
    """Frozen backbone, concatenated poolings, one linear layer."""

    class Settings(FrozenSettings):
        """A softmax regression on frozen, pooled features."""

        method: Literal["linear_probe"] = "linear_probe"
        poolings: tuple[Pooling, ...] = Field(("avg",), min_length=1, description="poolings, joined")
        zoom: bool = Field(False, description="join views that are zoomed in on the object")
        zoom_tiles: int = Field(
            2,
            ge=0,
            le=MAX_TILES,
            description="tiles along each side of the photo in which a locator, learned from the labels, looks for the "
            "object, beside those that overlap them by half; 0 takes the most active region of the whole photo",
        )
        zoom_threshold: float = Field(
            0.0,
            ge=-5,
            le=5,
            description="standard deviations above a photo's mean activation where the most active region begins",
        )

    trainer = "fieldmark.training.frozen.train_linear_probe:train_linear_probe"
