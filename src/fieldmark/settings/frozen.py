"""Settings of the methods whose backbone stays as it is."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fieldmark.settings.base import FitSettings, Pooling

__all__ = ["AutoSettings", "LinearProbeSettings"]


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
