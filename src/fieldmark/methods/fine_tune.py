"""``fine_tune``: backbone, poolings and one linear layer, trained end to end."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fieldmark.methods import register_method
from fieldmark.methods.pooled import PooledMethod
from fieldmark.methods.settings_base import GradientSettings, Pooling

__all__ = ["FineTune"]


@register_method("fine_tune")
class FineTune(PooledMethod):
    """The plain method, trained end to end. Its linear layer starts as a softmax regression on frozen features."""

    class Settings(GradientSettings):
        """Backbone, poolings, one linear layer, which starts as a softmax regression."""

        method: Literal["fine_tune"] = "fine_tune"
        epochs: int = Field(10, ge=1, le=10_000, description="passes over the training photos")
        head_lr_scale: float = Field(3.0, gt=0, description="factor on the learning rate of the head")
        freeze: str | None = Field("stage2", description="last backbone stage that is frozen; none trains all")
        ema: float = Field(0.98, ge=0, lt=1, description="decay of the moving average of the weights; 0 is off")
        crop_scale: float = Field(
            0.3, gt=0, le=1, description="smallest fraction of the photo that a training crop shows"
        )
        mixup: float = Field(0.2, ge=0, description="alpha of MixUp; 0 is off")
        poolings: tuple[Pooling, ...] = Field(("avg", "cov"), min_length=1, description="poolings, joined")
        dropout: float = Field(0.2, ge=0, lt=1, description="dropout on the embedding")

    starts_as_probe = True
