"""Response bodies for the OpenAPI document. Their fields are those of the command line's JSON."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from fieldmark.recognizer.answer import Candidate
from fieldmark.recognizer.feedback import Feedback

__all__ = [
    "AnswerBody",
    "CorrectedBody",
    "ErrorBody",
    "ExplainBody",
    "FeedbackBody",
    "ModelBody",
    "NeighbourBody",
    "PredictBody",
    "QuestionAnswerBody",
    "SearchBody",
    "UnenrolBody",
]


class ErrorBody(BaseModel):
    """One sentence: what is wrong, and what to do."""

    error: str


class QuestionAnswerBody(BaseModel):
    """The answer to one of several questions about a photo."""

    candidates: list[Candidate]
    set: list[str] | None
    rank: str | None
    ancestor: str | None
    unknown: bool | None
    coverage: float | None = None


class AnswerBody(BaseModel):
    """One line of ``fieldmark predict --json``; `error`, `coverage`, `photos`, `box`, `answers` only if not empty."""

    path: str | None
    candidates: list[Candidate]
    set: list[str] | None
    rank: str | None
    ancestor: str | None
    unknown: bool | None
    error: str | None = None
    coverage: float | None = None
    photos: list[str] | None = None
    box: list[float] | None = None
    answers: dict[str, QuestionAnswerBody] | None = None


class PredictBody(BaseModel):
    answers: list[AnswerBody]


class NeighbourBody(BaseModel):
    """A known photo; `photo` is the URL of its thumbnail on this server."""

    path: str
    label: str
    split: str
    similarity: float
    photo: str


class SearchBody(BaseModel):
    path: str
    neighbours: list[NeighbourBody]


class ExplainBody(BaseModel):
    """`evidence` as in ``fieldmark explain --json``, and both maps as transparent overlays for the photo."""

    evidence: dict[str, Any]
    map_overlay: str
    contrast_overlay: str


class UnenrolBody(BaseModel):
    """The removed class, and the enrolled classes that remain."""

    label: str
    enrolled: list[str]


class CorrectedBody(BaseModel):
    """The correction, the class of an earlier one of the same photo, and the length of the list."""

    correction: Feedback
    replaced: str | None
    corrections: int


class FeedbackBody(BaseModel):
    """The feedback list, the newest correction first."""

    feedback: list[Feedback]


class ModelBody(BaseModel):
    """The model and the limits of this server.

    `name` is that of the model's folder or file; `classes` are the answers to the first of `questions`.
    """

    version: str
    name: str
    classes: list[str]
    questions: list[str]
    enrolled: list[str]
    enrolled_photos: dict[str, int]
    corrections: int
    ranks: list[str]
    coverage: float | None
    explains: bool
    gallery: bool
    enrolls: bool
    max_photos: int
    max_bytes: int
