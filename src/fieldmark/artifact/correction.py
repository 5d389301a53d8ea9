"""One entry of a model's feedback list: what the model answered for a photo, and what is correct."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from fieldmark.data.feedback_photo import FEEDBACK_PHOTO_PATTERN, feedback_id
from fieldmark.data.label_names import MAX_LENGTH

__all__ = ["MAX_CORRECTIONS", "Correction"]

MAX_CORRECTIONS = 1000
"""Corrections that a model folder keeps at most."""


class Correction(BaseModel):
    """A photo whose class a person named. Part of ``fieldmark.json``.

    Attributes:
        photo: JPEG file in the model folder, named by its content.
        label: The correct class, one of the model's or a new one.
        answer: The class that the model answered.
        probability: Its probability.
        unknown: Whether the model answered that the photo shows none of its classes; None without a threshold.
        name: The sender's name of the file.
        made: When the correction was made, ISO 8601 in UTC.
        answered_by: Number of the generation that answered.
    """

    photo: Annotated[str, Field(pattern=rf"\A{FEEDBACK_PHOTO_PATTERN}\z")]
    label: str = Field(min_length=1, max_length=MAX_LENGTH)
    answer: str = Field(min_length=1)
    probability: float = Field(ge=0, le=1.0001)
    unknown: bool | None = None
    name: str = Field("", max_length=255)
    made: str
    answered_by: int = Field(ge=1, lt=2**62)

    @property
    def id(self) -> str:
        """First 16 hex digits of the hash of the photo's content."""
        return feedback_id(self.photo)
