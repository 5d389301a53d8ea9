"""Map logits to calibrated probabilities: one temperature, or a scale and a shift for each class."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from fieldmark.arrays import Float64s, Floats, softmax

__all__ = ["LogitScaling"]

_Factor = Annotated[float, Field(ge=-1e6, le=1e6)]


class LogitScaling(BaseModel):
    """Logits z (n, K) become ``softmax(scale * z + shift)``. Part of ``fieldmark.json``.

    Attributes:
        kind: ``temperature`` or ``vector``; cross-validation on val chose it. An adjustment of the logits for classes
            that are all equally frequent makes it ``vector``.
        scale: One number, or one for each class.
        shift: As many numbers as `scale`.
    """

    model_config = ConfigDict(extra="allow")

    kind: Literal["temperature", "vector"]
    scale: list[_Factor] = Field(min_length=1)
    shift: list[_Factor] = Field(min_length=1)

    @field_validator("shift")
    @classmethod
    def _as_many(cls, shift: list[float], info: ValidationInfo) -> list[float]:
        if len(shift) != len(info.data.get("scale", shift)):
            raise ValueError("scale and shift differ in length")
        return shift

    @classmethod
    def of_temperature(cls, temperature: float) -> LogitScaling:
        """Return the scaling that divides all logits by one temperature."""
        return cls(kind="temperature", scale=[1.0 / temperature], shift=[0.0])

    def shifted(self, by: Floats) -> LogitScaling:
        """Return the scaling whose logits, (n, K), are larger by the given numbers, (K,)."""
        scale = np.broadcast_to(np.array(self.scale), np.shape(by))
        return LogitScaling(kind="vector", scale=scale.tolist(), shift=(np.array(self.shift) + by).tolist())

    def __call__(self, logits: Floats) -> Float64s:
        """Return calibrated probabilities (n, K)."""
        return softmax(logits * np.array(self.scale) + np.array(self.shift))
