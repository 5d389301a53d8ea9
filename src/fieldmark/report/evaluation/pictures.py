"""The photos on the page: those that are mistaken, beside those that are not, and those whose label is doubted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.artifact.save import relative_path
from fieldmark.data.photos.thumbnails import Allowance, Thumbnail, thumbnail
from fieldmark.evaluation.evaluate import Evaluation
from fieldmark.evaluation.metrics import ConfusedPair
from fieldmark.report.evaluation.result_tables import Answers, Suspect, mistakes
from fieldmark.report.page import percent

__all__ = ["Direction", "PairView", "PictureView", "pair_views", "suspect_views"]

PAIRS = 12
SUSPECTS = 24
_MISTAKES = 4
_SIDE = 200
_BYTES = 8_000_000
_PLANNED = PAIRS * 2 * (_MISTAKES + 1) + SUSPECTS


@dataclass(frozen=True, slots=True)
class PictureView:
    """A photo with what stands under it."""

    picture: Thumbnail
    name: str
    caption: str


@dataclass(frozen=True, slots=True)
class Direction:
    """Photos of one class that are called another, and beside them one of the class that is not mistaken.

    Attributes:
        truth: The class.
        called: What its photos are called.
        count: How many of them.
        photos: Of how many.
        right: The surest right photo of the class; None without any.
        wrong: The surest mistakes.
    """

    truth: str
    called: str
    count: int
    photos: int
    right: PictureView | None
    wrong: tuple[PictureView, ...]


@dataclass(frozen=True, slots=True)
class PairView:
    """Two classes that are taken for each other, both ways."""

    pair: ConfusedPair
    directions: tuple[Direction, Direction]


def pair_views(evaluation: Evaluation, answers: Answers, classes: Sequence[str]) -> list[PairView]:
    """The most confused pairs with their photos."""
    index = {name: label for label, name in enumerate(classes)}
    album = _Album(evaluation, answers)
    views = []
    for pair in evaluation.metrics.confused_pairs[:PAIRS]:
        first, second = index[pair.first], index[pair.second]
        forth = album.direction(classes, first, second, pair.first_as_second)
        back = album.direction(classes, second, first, pair.second_as_first)
        views.append(PairView(pair, (forth, back)))
    return views


def suspect_views(
    evaluation: Evaluation, answers: Answers, classes: Sequence[str], doubted: Sequence[Suspect]
) -> list[PictureView]:
    """The photos whose label is doubted most."""
    album = _Album(evaluation, answers)
    views = []
    for suspect in doubted[:SUSPECTS]:
        own, best = float(answers.own[suspect.row]), float(answers.confidence[suspect.row])
        told = percent(own, 2 if own < 0.01 else 0)
        given = classes[answers.labels[suspect.row]]
        caption = f"labelled {given} ({told}), rather {classes[suspect.suggested]} ({percent(best)})"
        views.append(album.view(suspect.row, caption))
    return [view for view in views if view is not None]


class _Album:
    """Photos of an evaluation as pictures that keep to their allowance."""

    def __init__(self, evaluation: Evaluation, answers: Answers) -> None:
        self.records = evaluation.records
        self.answers = answers
        self.limit = Allowance(_BYTES, _PLANNED).each

    def view(self, row: int, caption: str) -> PictureView | None:
        record = self.records[int(self.answers.positions[row])]
        picture = thumbnail(record, _SIDE, self.limit)
        name = relative_path(record.path, self.records.root).encode("utf-8", "replace").decode()
        if picture is None:
            return None
        return PictureView(picture, name, caption)

    def direction(self, classes: Sequence[str], truth: int, called: int, count: int) -> Direction:
        own = self.answers.labels == truth
        rows = mistakes(self.answers, truth, called, _MISTAKES)
        wrong = [self.view(row, f"at {percent(float(self.answers.confidence[row]))}") for row in rows]
        right = np.flatnonzero(own & (self.answers.predicted == truth))
        surest = int(right[self.answers.confidence[right].argmax()]) if len(right) else None
        return Direction(
            classes[truth],
            classes[called],
            count,
            int(own.sum()),
            None if surest is None else self.view(surest, "right"),
            tuple(view for view in wrong if view is not None),
        )
