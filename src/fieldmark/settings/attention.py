"""Settings of the methods that weigh the places of a feature map."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from fieldmark.settings.gradient import GradientSettings

__all__ = ["CbamSettings"]


class CbamSettings(GradientSettings):
    """Attention over channels and places after the backbone."""

    method: Literal["cbam"] = "cbam"
    attention: Literal["cbam", "se"] = Field("cbam", description="se weighs channels alone")
    reduction: int = Field(16, ge=1, description="channels for one hidden unit of the network that weighs them")
    dropout: float = Field(0.2, ge=0, lt=1)
