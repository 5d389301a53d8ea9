"""The bodies of the answers, for the OpenAPI page; the words are those of the command line."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

__all__ = [
    "AnswerBody",
    "CandidateBody",
    "EnrolBody",
    "ErrorBody",
    "ExplainBody",
    "ModelBody",
    "NeighbourBody",
    "PredictBody",
    "SearchBody",
    "UnenrolBody",
]


class ErrorBody(BaseModel):
    """One sentence: what was expected, what came, what to do."""

    error: str


class CandidateBody(BaseModel):
    label: str
    probability: float


class AnswerBody(BaseModel):
    """One line of ``fieldmark predict --json``; `error`, `coverage`, `photos` only where there are any."""

    path: str | None
    candidates: list[CandidateBody]
    set: list[str] | None
    rank: str | None
    ancestor: str | None
    unknown: bool | None
    error: str | None = None
    coverage: float | None = None
    photos: list[str] | None = None


class PredictBody(BaseModel):
    answers: list[AnswerBody]


class NeighbourBody(BaseModel):
    """A known photo; `photo` is where this server shows it small."""

    path: str
    label: str
    split: str
    similarity: float
    photo: str


class SearchBody(BaseModel):
    path: str
    neighbours: list[NeighbourBody]


class ExplainBody(BaseModel):
    """What ``fieldmark explain --json`` prints under `evidence`, and both maps as pictures to lay over the photo."""

    evidence: dict[str, Any]
    map_overlay: str
    contrast_overlay: str


class EnrolBody(BaseModel):
    """What ``fieldmark enroll --json`` prints."""

    label: str
    photos: int
    val_photos: int
    accuracy_before: float | None
    accuracy_after: float | None
    taken: dict[str, int]
    nearest: dict[str, int]
    own_found: float | None


class UnenrolBody(BaseModel):
    """The class that left, and the enrolled ones that stay."""

    label: str
    enrolled: list[str]


class ModelBody(BaseModel):
    """What this server can do."""

    version: str
    classes: list[str]
    enrolled: list[str]
    ranks: list[str]
    coverage: float | None
    explains: bool
    gallery: bool
    enrolls: bool
    max_photos: int
    max_bytes: int
