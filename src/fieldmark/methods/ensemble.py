"""``ensemble``: trained models that answer together, weighted on val."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from fieldmark.methods import register_method
from fieldmark.methods.settings_base import FitSettings

__all__ = ["Ensemble"]


@register_method("ensemble")
class Ensemble:
    """Combine models. It has no network of its own: its members are those of the models."""

    class Settings(FitSettings):
        """Models that answer together, with weights that are chosen on val."""

        method: Literal["ensemble"] = "ensemble"
        models: tuple[Path, ...] = Field((), description="model folders, such as models=A,B,C; at least two")
        rounds: int = Field(
            25, ge=1, le=1000, description="picks of the greedy selection; the weights are fractions of them"
        )

        @field_validator("backbone", "weights", "image_size", "resize", "test_views")
        @classmethod
        def _refuse(cls, value: Any) -> Any:
            """Check the value; pydantic calls this only if a value is given."""
            if value is not None:
                raise ValueError("the models bring their own; leave it out")
            return value

    trainer = "fieldmark.combine_models:combine"
    needs_models = True
