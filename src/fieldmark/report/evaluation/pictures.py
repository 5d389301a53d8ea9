"""Photos of an evaluation page: confused classes side by side, and photos with a suspect label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fieldmark.data.photos.thumbnails import Allowance, Thumbnail, thumbnail
from fieldmark.data.relative_path import relative_path
from fieldmark.evaluation.label_suspects import Suspect
from fieldmark.evaluation.metrics import ConfusedPair
from fieldmark.evaluation.result import Evaluation
from fieldmark.report.page import percent

__all__ = ["Direction", "PairView", "PictureView", "pair_views", "suspect_views"]

PAIRS = 12
SUSPECTS = 24
_MISTAKES = 4
_SIDE = 400  # shown smaller, and in full when it is opened
_BYTES = 8_000_000
_PLANNED = PAIRS * 2 * (_MISTAKES + 1) + SUSPECTS


@dataclass(frozen=True, slots=True)
class PictureView:
    """A photo with its caption."""

    picture: Thumbnail
    name: str
    caption: str


@dataclass(frozen=True, slots=True)
class Direction:
    """Photos of one class that are predicted as another.

    Attributes:
        truth: The true class.
        predicted: The predicted class.
        count: Number of mistakes.
        photos: Number of photos of the true class.
        correct: The correct photo with the highest confidence; None without one.
        mistakes: The mistakes with the highest confidence.
    """

    truth: str
    predicted: str
    count: int
    photos: int
    correct: PictureView | None
    mistakes: tuple[PictureView, ...]


@dataclass(frozen=True, slots=True)
class PairView:
    """Two confused classes, in both directions."""

    pair: ConfusedPair
    directions: tuple[Direction, Direction]


def pair_views(evaluation: Evaluation, classes: Sequence[str]) -> list[PairView]:
    """Return the most confused pairs with their photos."""
    index = {name: label for label, name in enumerate(classes)}
    album = _Album(evaluation)
    views = []
    for pair in evaluation.metrics.confused_pairs[:PAIRS]:
        first, second = index[pair.first], index[pair.second]
        forth = album.direction(classes, first, second, pair.first_as_second)
        back = album.direction(classes, second, first, pair.second_as_first)
        views.append(PairView(pair, (forth, back)))
    return views


def suspect_views(evaluation: Evaluation, classes: Sequence[str], suspects: Sequence[Suspect]) -> list[PictureView]:
    """Return the photos whose label is least probable."""
    album = _Album(evaluation)
    views = []
    for suspect in suspects[:SUSPECTS]:
        given = classes[album.predictions.labels[suspect.index]]
        own = percent(suspect.given_probability, 2 if suspect.given_probability < 0.01 else 0)
        best = f"{classes[suspect.suggested]} ({percent(suspect.suggested_probability)})"
        views.append(album.view(suspect.index, f"labelled {given} ({own}), looks like {best}"))
    return [view for view in views if view is not None]


class _Album:
    """Photos of an evaluation as thumbnails within a limit of bytes."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.records = evaluation.records
        self.positions = evaluation.positions
        self.predictions = evaluation.predictions
        self.limit = Allowance(_BYTES, _PLANNED).each

    def view(self, row: int, caption: str) -> PictureView | None:
        record = self.records[int(self.positions[row])]
        picture = thumbnail(record, _SIDE, self.limit)
        if picture is None:
            return None
        name = relative_path(record.path, self.records.root).encode("utf-8", "replace").decode()
        return PictureView(picture, name, caption)

    def direction(self, classes: Sequence[str], truth: int, predicted: int, count: int) -> Direction:
        confidence = self.predictions.confidence
        rows = self.predictions.rows_called(truth, predicted)[:_MISTAKES]
        mistakes = [self.view(int(row), f"{percent(float(confidence[row]))} confident") for row in rows]
        correct = self.predictions.rows_called(truth, truth)[:1]
        return Direction(
            classes[truth],
            classes[predicted],
            count,
            int((self.predictions.labels == truth).sum()),
            self.view(int(correct[0]), "correct") if len(correct) else None,
            tuple(view for view in mistakes if view is not None),
        )
