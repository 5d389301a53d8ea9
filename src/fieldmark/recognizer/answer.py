"""The answer for a photo: what `predict` returns and ``predict --json`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fieldmark.structures import Box

__all__ = ["Answer", "Candidate"]

OPTIONAL = ("error", "coverage", "group", "photos", "box", "answers")
"""Fields of the JSON object that are left out where they are empty."""

_OF_THE_PHOTO = ("path", "error", "group", "photos", "box", "answers")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A class and its calibrated probability."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for one photo or one specimen. The fields are those of ``predict --json``.

    Attributes:
        path: The photo's path; None for arrays and for answers about several photos.
        candidates: The most probable classes, in descending order.
        set: Conformal prediction set; None if the calibration set is too small.
        rank: Taxonomic level of the answer: ``class``, or the rank of `ancestor`; None if no level meets the target
            accuracy.
        ancestor: The name at that rank if the answer backs off from the class.
        unknown: Whether the photo shows none of the classes; None if the model has no threshold.
        error: Why the photo cannot be read; then there are no candidates.
        coverage: Guaranteed share of such sets that contain the correct class.
        group: Name of the specimen, for answers about several photos.
        photos: Paths of the photos, for answers about several photos.
        box: Where the photo shows the object, xyxy pixels of the upright photo: found by a model that zooms, or given
            by the user; None for other models.
        answers: Name of each question -> its answer, the first question's included; empty where the model answers
            one question. The other fields are those of the first question.
    """

    path: str | None
    candidates: tuple[Candidate, ...] = ()
    set: tuple[str, ...] | None = None
    rank: str | None = None
    ancestor: str | None = None
    unknown: bool | None = None
    error: str | None = None
    coverage: float | None = None
    group: str | None = None
    photos: tuple[str, ...] = ()
    box: Box | None = None
    answers: Mapping[str, Answer] = field(default_factory=dict, hash=False)

    @property
    def label(self) -> str | None:
        """Name of the most probable class."""
        return self.candidates[0].label if self.candidates else None

    @property
    def confidence(self) -> float | None:
        """Calibrated probability of the most probable class."""
        return self.candidates[0].probability if self.candidates else None

    def _repr_html_(self) -> str:
        from fieldmark.notebook import answer_card

        return answer_card(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``predict --json`` prints; fields of `OPTIONAL` if they are not empty."""
        content = asdict(self) | {"answers": {name: _part(one) for name, one in self.answers.items()}}
        return {name: value for name, value in content.items() if name not in OPTIONAL or value not in (None, (), {})}


def _part(answer: Answer) -> dict[str, Any]:
    """Return the answer to one question without what is the same for all questions."""
    return {name: value for name, value in answer.to_dict().items() if name not in _OF_THE_PHOTO}
