"""Settings that all methods share which train by gradient descent, and those of the plain one."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from fieldmark.settings.base import FitSettings, Pooling

__all__ = ["FineTuneSettings", "GradientSettings"]


class GradientSettings(FitSettings):
    """Gradient descent through the backbone. The fields that a subclass adds are its method's own options."""

    epochs: int = Field(20, ge=1, le=10_000)
    budget: float | None = Field(None, gt=0, description="seconds; fewer epochs are trained where they would not fit")
    batch_size: int = Field(32, ge=1)
    lr: float = Field(1e-3, gt=0, description="peak learning rate of the last backbone stage (AdamW)")
    head_lr_scale: float = Field(5.0, gt=0, description="factor on it for the head")
    layer_decay: float = Field(0.85, gt=0, le=1, description="factor on it for each stage towards the input")
    weight_decay: float = Field(0.02, ge=0)
    warmup: float = Field(0.1, ge=0, lt=1, description="share of all steps with a rising learning rate, then cosine")
    freeze: str | None = Field(None, description="last backbone stage that stays as it is, such as stage4, or all")
    frozen_batchnorm: bool = Field(False, description="keep the running statistics of batch norm")
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    clip_norm: float = Field(5.0, ge=0, description="largest norm of all gradients together; 0 is off")
    ema: float = Field(0.0, ge=0, lt=1, description="decay of the moving average of the weights; 0 is off")
    patience: int | None = Field(None, ge=1, description="epochs without a better val score before it stops")
    balanced: bool = Field(False, description="draw every class equally often")
    per_class: int | None = Field(
        None, ge=1, description="photos of one class that go into a batch together; none draws each by itself"
    )
    crop_scale: float = Field(0.5, gt=0, le=1, description="smallest share of the photo that a training crop shows")
    randaugment: int = Field(0, ge=0, le=30, description="magnitude; 0 is off")
    mixup: float = Field(0.0, ge=0, description="alpha; 0 is off")
    cutmix: float = Field(0.0, ge=0, description="alpha; 0 is off")
    precision: Literal["auto", "32", "bf16"] = "auto"
    probe_start: float = Field(
        0.4,
        ge=0,
        le=1,
        description="a linear head starts as a softmax regression, its weights times this factor; 0 starts at random",
    )

    def method_options(self) -> dict[str, Any]:
        """What the method's constructor gets besides backbone and number of classes, as JSON values by name."""
        own = set(type(self).model_fields) - set(GradientSettings.model_fields)
        return self.model_dump(mode="json", include=own)


class FineTuneSettings(GradientSettings):
    """Backbone, poolings side by side, one linear layer, which starts as a softmax regression on frozen features."""

    method: Literal["fine_tune"] = "fine_tune"
    epochs: int = Field(10, ge=1, le=10_000)
    head_lr_scale: float = Field(3.0, gt=0, description="factor on it for the head")
    freeze: str | None = Field("stage2", description="last backbone stage that stays as it is; none trains all")
    ema: float = Field(0.98, ge=0, lt=1, description="decay of the moving average of the weights; 0 is off")
    crop_scale: float = Field(0.3, gt=0, le=1, description="smallest share of the photo that a training crop shows")
    mixup: float = Field(0.2, ge=0, description="alpha; 0 is off")
    poolings: tuple[Pooling, ...] = Field(("avg", "cov"), min_length=1, description="poolings, joined")
    dropout: float = Field(0.2, ge=0, lt=1)
