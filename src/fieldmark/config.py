"""Settings of a fit: typed, checked, and none ever ignored in silence."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fieldmark.errors import SettingError, unknown_name

__all__ = [
    "SETTINGS",
    "AutoSettings",
    "FineTuneSettings",
    "FitSettings",
    "LinearProbeSettings",
    "build_settings",
    "parse_duration",
]

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
    test_views: Literal[1, 2] = Field(2, description="2 also reads the mirror image and averages")


class LinearProbeSettings(FitSettings):
    """A softmax regression on frozen, pooled features."""

    method: Literal["linear_probe"] = "linear_probe"
    poolings: tuple[Pooling, ...] = Field(("avg",), min_length=1, description="poolings, joined")
    folds: int = Field(4, ge=2, le=20, description="folds of the cross-validation that chooses the regularisation")


class AutoSettings(FitSettings):
    """Frozen features first, more of everything only while cross-validation says that it pays."""

    method: Literal["auto"] = "auto"
    budget: float | None = Field(None, gt=0, description="seconds that may be spent; --budget 10m")
    folds: int = Field(4, ge=2, le=20, description="folds of the cross-validation that makes every choice")


class FineTuneSettings(FitSettings):
    """Gradient descent through the backbone."""

    method: Literal["fine_tune"] = "fine_tune"
    poolings: tuple[Pooling, ...] = Field(("avg",), min_length=1, description="poolings, joined")
    epochs: int = Field(20, ge=1, le=10_000)
    batch_size: int = Field(32, ge=1)
    lr: float = Field(1e-3, gt=0, description="peak learning rate of the last backbone stage (AdamW)")
    head_lr_scale: float = Field(5.0, gt=0, description="factor on it for the head")
    layer_decay: float = Field(0.85, gt=0, le=1, description="factor on it for each stage towards the input")
    weight_decay: float = Field(0.02, ge=0)
    warmup: float = Field(0.1, ge=0, lt=1, description="share of all steps with a rising learning rate, then cosine")
    freeze: str | None = Field(None, description="last backbone stage that stays as it is, such as stage4, or all")
    frozen_batchnorm: bool = Field(False, description="keep the running statistics of batch norm")
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    dropout: float = Field(0.2, ge=0, lt=1)
    clip_norm: float = Field(5.0, ge=0, description="largest norm of all gradients together; 0 is off")
    ema: float = Field(0.0, ge=0, lt=1, description="decay of the moving average of the weights; 0 is off")
    patience: int | None = Field(None, ge=1, description="epochs without a better val score before it stops")
    balanced: bool = Field(False, description="draw every class equally often")
    crop_scale: float = Field(0.5, gt=0, le=1, description="smallest share of the photo that a training crop shows")
    randaugment: int = Field(0, ge=0, le=30, description="magnitude; 0 is off")
    mixup: float = Field(0.0, ge=0, description="alpha; 0 is off")
    cutmix: float = Field(0.0, ge=0, description="alpha; 0 is off")
    precision: Literal["auto", "32", "bf16"] = "auto"


SETTINGS: dict[str, type[FitSettings]] = {
    "auto": AutoSettings,
    "fine_tune": FineTuneSettings,
    "linear_probe": LinearProbeSettings,
}
"""Method's name -> its settings."""


def parse_duration(text: str) -> float:
    """Seconds in a duration such as ``90``, ``90s``, ``10m`` or ``1h30m``.

    Raises:
        SettingError: The text is no duration.
    """
    match = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", text.strip())
    if not match or not any(match.groups()):
        raise SettingError(f"a duration looks like 90s, 10m or 1h30m, but got '{text}'")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def build_settings(
    method: str | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    recipe: Path | None = None,
    overrides: Sequence[str] = (),
) -> FitSettings:
    """Settings from a recipe, then options, then ``key=value`` overrides; later ones win.

    Args:
        method: ``auto`` where neither this nor the recipe names one.
        options: Values by name; None means not given.
        recipe: TOML file with the names of the settings as keys.
        overrides: From ``--set``.

    Raises:
        SettingError: An unknown method or setting, or a value that does not fit.
    """
    values: dict[str, Any] = _read_recipe(recipe) if recipe else {}
    values |= {key: value for key, value in (options or {}).items() if value is not None}
    values |= dict(_split_override(text) for text in overrides)
    chosen = method or values.get("method", "auto")
    if chosen not in SETTINGS:
        raise unknown_name("method", chosen, SETTINGS)
    model = SETTINGS[chosen]
    for key in values:
        if key not in model.model_fields:
            raise unknown_name(f"setting of {chosen}", key, [name for name in model.model_fields if name != "method"])
    try:
        return model.model_validate(values | {"method": chosen})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][:1])
        raise SettingError(
            f"setting '{name}' of {chosen}: {_lower(first['msg'])}, but got {first['input']!r}"
        ) from None


def _read_recipe(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise SettingError(f"the recipe {path} is no file; give a TOML file with settings")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"the recipe {path} is not valid TOML: {error}") from None


def _split_override(text: str) -> tuple[str, Any]:
    key, found, value = text.partition("=")
    if not found or not key.strip():
        raise SettingError(f"--set takes key=value, but got '{text}'")
    value = value.strip()
    if value.lower() == "none":
        return key.strip(), None
    if key.strip() == "poolings":
        return key.strip(), tuple(value.split(","))
    if key.strip() == "budget":
        return key.strip(), parse_duration(value)
    return key.strip(), value


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
