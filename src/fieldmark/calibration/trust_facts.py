"""The parts of ``fieldmark.json`` about how far answers may be trusted."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from fieldmark.methods.settings_base import ConformalName

__all__ = ["ScalingFacts", "TrustFacts"]


class ScalingFacts(BaseModel):
    """What follows the members' temperatures: logits of the common answer times `scale` plus `shift`, then softmax.

    Attributes:
        kind: ``temperature`` or ``vector``, chosen by cross-validation on val.
        scale: One number, or one a class.
        shift: Of the same length.
    """

    model_config = ConfigDict(extra="allow")

    kind: Literal["temperature", "vector"]
    scale: list[float] = Field(min_length=1)
    shift: list[float] = Field(min_length=1)


class TrustFacts(BaseModel):
    """What the held-out val photos vouch for.

    Attributes:
        file: safetensors file of their scores.
        photos: How many they are; no weight or temperature was chosen by them.
        score: Conformity score of the candidate sets.
        k_reg: Of RAPS: ranks up to this one are not penalised.
        penalty: Of RAPS: lambda, what each further rank costs; with 0 it is APS.
        coverage: Level of the sets where nobody names another.
        confidence: Share of answers that shall be right at their rank; None where answers stay at the class.
    """

    model_config = ConfigDict(extra="allow")

    file: str
    photos: int = Field(ge=0)
    score: ConformalName = "lac"
    k_reg: int = Field(0, ge=0)
    penalty: float = Field(0.0, ge=0)
    coverage: float = Field(0.9, gt=0, lt=1)
    confidence: float | None = Field(None, gt=0, lt=1)

    @property
    def score_in_words(self) -> str:
        """The score for people, such as ``RAPS (k_reg 3, lambda 0.01)``."""
        if self.score != "raps":
            return self.score.upper()
        return f"RAPS (k_reg {self.k_reg}, lambda {self.penalty:g})" if self.penalty else "RAPS (lambda 0, as APS)"
