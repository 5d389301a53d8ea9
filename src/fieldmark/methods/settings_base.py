"""Settings that all methods share, and those of all methods that learn by gradient descent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from fieldmark.backbones.runners.device import Device
from fieldmark.registry import Registry
from fieldmark.scores import CONFORMITY_SCORES, UNKNOWN_SCORES

__all__ = ["FitSettings", "GradientSettings", "Pooling"]

Pooling = Literal["avg", "gem", "cov", "cls"]


def _to_int(value: Any) -> Any:
    """Convert text from ``--set`` to a number where it is one."""
    return int(value) if isinstance(value, str) and value.isdigit() else value


def _registered(registry: Registry[Any]) -> AfterValidator:
    """Return a check that a name is registered; otherwise it raises a SettingError that lists the names."""

    def check(name: str) -> str:
        registry.load(name)
        return name

    return AfterValidator(check)


class FitSettings(BaseModel):
    """Settings of every method. A method adds its own fields, and `method` with its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    resumable: ClassVar[bool] = False
    """Whether an interrupted fit can go on from its checkpoints."""

    method: str = Field(description="name of the method")
    backbone: str | None = Field(
        None, description="any timm model; EfficientNet-Lite0 by default; NAME@16 or NAME@LAYER chooses the map"
    )
    weights: Path | None = Field(None, description="file with the backbone's weights instead of the packaged ones")
    image_size: int | None = Field(None, ge=32, le=2048, description="side in pixels; the backbone's own by default")
    resize: Literal["crop", "squash", "pad"] = Field("crop", description="how a photo becomes a square")
    classes: str | None = Field(
        None, description="train on these classes only: a range such as 0:25, or names separated by commas"
    )
    device: Device = Field("auto", description="what trains the network; auto takes a GPU if there is one")
    seed: int = Field(0, ge=0, lt=2**32, description="decides splits, initial weights and the order of photos")
    val_fraction: float = Field(0.1, gt=0, lt=0.5, description="fraction of train that becomes val")
    test_fraction: float = Field(
        0.2, ge=0, lt=0.8, description="fraction that becomes test where the data name none; 0 keeps all for training"
    )
    gallery_uri: str | None = Field(
        None,
        description="where the gallery of known photos is stored, such as s3://bucket/folder; in the model by default",
    )
    coverage: float = Field(0.9, gt=0, lt=1, description="target coverage of the prediction sets")
    conformal: Annotated[str, _registered(CONFORMITY_SCORES)] = Field(
        "lac",
        description="conformity score of the prediction sets: lac for small sets, aps or raps for sizes that follow "
        "the difficulty, pas for rare classes",
    )
    classwise: float = Field(
        0.0,
        ge=0,
        le=1,
        description="weight of each class's own quantile in the prediction sets: 0 covers photos, 1 each class",
    )
    unknown_score: Annotated[str, _registered(UNKNOWN_SCORES)] | None = Field(
        None,
        description="out-of-distribution score that detects unknown classes; by default the fit chooses one by leaving "
        "classes out",
    )
    target_accuracy: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="target accuracy of answers at their rank; uncertain answers back off to an ancestor",
    )
    test_views: Annotated[Literal[1, 2, 5, 10], BeforeValidator(_to_int)] = Field(
        2, description="views of a photo that are averaged: 2 adds the mirror image, 5 adds four corners, 10 both"
    )


class GradientSettings(FitSettings):
    """Settings of every method that learns by gradient descent. The fields that a method adds are its own options."""

    resumable: ClassVar[bool] = True

    epochs: int = Field(20, ge=1, le=10_000, description="passes over the training photos")
    budget: float | None = Field(None, gt=0, description="seconds; fewer epochs are trained where they would not fit")
    batch_size: int = Field(32, ge=1, description="photos for each step, on all devices together")
    devices: int = Field(1, ge=1, le=1024, description="devices of one machine that train together")
    nodes: int = Field(1, ge=1, le=1024, description="machines that train together; each gets the same command")
    lr: float = Field(1e-3, gt=0, description="peak learning rate of the last backbone stage (AdamW)")
    head_lr_scale: float = Field(5.0, gt=0, description="factor on the learning rate of the head")
    layer_decay: float = Field(
        0.85, gt=0, le=1, description="factor on the learning rate for each stage towards the input"
    )
    weight_decay: float = Field(0.02, ge=0, description="weight decay of AdamW")
    warmup: float = Field(0.1, ge=0, lt=1, description="fraction of the steps with a rising learning rate, then cosine")
    freeze: str | None = Field(None, description="last backbone stage that is frozen, such as stage4, or all")
    cached_views: int = Field(
        0,
        ge=0,
        le=256,
        description="augmented views of each photo for which the frozen stages are computed once; 0 computes them in "
        "every step",
    )
    frozen_batchnorm: bool = Field(False, description="keep the running statistics of batch norm")
    label_smoothing: float = Field(0.1, ge=0, lt=1, description="probability that is spread over the other classes")
    clip_norm: float = Field(5.0, ge=0, description="largest norm of all gradients together; 0 is off")
    ema: float = Field(0.0, ge=0, lt=1, description="decay of the moving average of the weights; 0 is off")
    patience: int | None = Field(None, ge=1, description="epochs without a better val score before training stops")
    balanced: bool = Field(False, description="draw every class equally often")
    per_class: int | None = Field(
        None, ge=1, description="photos of one class that enter a batch together; none draws each photo by itself"
    )
    crop_scale: float = Field(0.5, gt=0, le=1, description="smallest fraction of the photo that a training crop shows")
    randaugment: int = Field(0, ge=0, le=30, description="magnitude of RandAugment; 0 is off")
    mixup: float = Field(0.0, ge=0, description="alpha of MixUp; 0 is off")
    cutmix: float = Field(0.0, ge=0, description="alpha of CutMix; 0 is off")
    precision: Literal["auto", "32", "bf16"] = Field("auto", description="number format of the training")
    logger: Literal["csv", "tensorboard", "wandb", "mlflow"] | None = Field(
        None, description="where the loss of each epoch is logged: beside the model, or on the tracking server"
    )
    probe_start: float = Field(
        0.4,
        ge=0,
        le=1,
        description="a linear head starts as a softmax regression, its weights times this factor; 0 starts at random",
    )
