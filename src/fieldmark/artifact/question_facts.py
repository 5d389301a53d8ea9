"""A further question of a model: its classes, its heads on the shared embeddings, and what they can guarantee."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from fieldmark.artifact.class_names import ClassNames
from fieldmark.calibration.logit_scaling import LogitScaling
from fieldmark.file_name import FileName
from fieldmark.openset.unknown_scores import UnknownThreshold
from fieldmark.uncertainty.guarantees import GuaranteeFacts

__all__ = ["QuestionFacts"]


class QuestionFacts(BaseModel):
    """A question after the first. The attributes mean what those of `Manifest` with the same names mean.

    Attributes:
        name: Title of the column with the answers.
        classes: Class names in the order of the logits.
        heads: safetensors file of `QuestionHeads`.
        temperatures: One for each member.
        photos: Split -> number of photos with a label.
        unlabelled: Number of photos without a label.
        left_out: Class that was not learned -> number of its photos.
        calibration, figures, scaling, guarantees, open_set_state, unknown: See `Manifest`.
    """

    model_config = ConfigDict(extra="allow", validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    name: str = Field(min_length=1, max_length=200)
    classes: ClassNames
    heads: FileName
    temperatures: list[Annotated[float, Field(gt=1e-6, lt=1e6)]] = Field(min_length=1, max_length=64)
    photos: dict[str, Annotated[int, Field(ge=0, lt=2**40)]]
    unlabelled: int = Field(0, ge=0, lt=2**40)
    left_out: dict[str, int] = Field(default_factory=dict)
    calibration: dict[str, float] = Field(default_factory=dict)
    figures: dict[str, float | None] = Field(default_factory=dict)
    scaling: LogitScaling | None = None
    guarantees: GuaranteeFacts = Field(alias="trust")
    open_set_state: FileName = Field(alias="memory")
    unknown: UnknownThreshold | None = None

    @field_validator("scaling")
    @classmethod
    def _for_each_class(cls, scaling: LogitScaling | None, info: ValidationInfo) -> LogitScaling | None:
        if scaling is not None and len(scaling.scale) not in (1, len(info.data.get("classes", scaling.scale))):
            raise ValueError("it is for another number of classes")
        return scaling
