"""What an evaluation shows of its classes, its pairs and its photos, in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Floats, Ints
from fieldmark.evaluation.evaluate import Evaluation
from fieldmark.evaluation.intervals import Interval, proportion

__all__ = ["Answers", "ClassLine", "Suspect", "answers_of", "class_lines", "mistakes", "suspects"]


_DOUBTFUL_RATIO = 0.2


@dataclass(frozen=True, slots=True)
class Answers:
    """The photos that could be read, and what was said of them.

    Attributes:
        positions: (n,) in the evaluation's records.
        probabilities: (n, K).
        labels: (n,) the truth.
        predicted: (n,) the best class.
        confidence: (n,) its probability.
        own: (n,) probability of the truth.
    """

    positions: Ints
    probabilities: Floats
    labels: Ints
    predicted: Ints
    confidence: Floats
    own: Floats


@dataclass(frozen=True, slots=True)
class ClassLine:
    """One class: photos, share that is right, and what its others are taken for, the most frequent first."""

    name: str
    photos: int
    right: Interval
    taken_for: tuple[tuple[str, int], ...]
    set_coverage: float | None


@dataclass(frozen=True, slots=True)
class Suspect:
    """A photo that the model surely calls otherwise: its row in `Answers`, and the class that it suggests."""

    row: int
    suggested: int


def answers_of(evaluation: Evaluation) -> Answers:
    """The readable photos of an evaluation."""
    errors = evaluation.scores.errors
    positions = np.array([index for index in range(len(evaluation.records)) if index not in errors], dtype=np.int64)
    probabilities = evaluation.scores.probabilities[positions]
    labels = np.array(evaluation.records.labels, dtype=np.int64)[positions]
    predicted = probabilities.argmax(1)
    rows = np.arange(len(positions))
    return Answers(
        positions, probabilities, labels, predicted, probabilities.max(1), np.asarray(probabilities[rows, labels])
    )


def class_lines(
    answers: Answers, classes: Sequence[str], set_coverage: dict[str, float], *, named: int = 3
) -> list[ClassLine]:
    """Every class that has photos, the least often right first."""
    lines = []
    for label in np.unique(answers.labels):
        called = answers.predicted[answers.labels == label]
        others, counts = np.unique(called[called != label], return_counts=True)
        order = np.argsort(-counts, kind="stable")[:named]
        taken = tuple((classes[others[index]], int(counts[index])) for index in order)
        right = proportion(int((called == label).sum()), len(called))
        lines.append(ClassLine(classes[label], len(called), right, taken, set_coverage.get(classes[label])))
    return sorted(lines, key=lambda line: (line.right.value, -line.photos, line.name))


def mistakes(answers: Answers, truth: int, called: int, limit: int) -> list[int]:
    """Rows of photos of one class that are called another, the surest first."""
    rows = np.flatnonzero((answers.labels == truth) & (answers.predicted == called))
    return [int(row) for row in rows[np.argsort(-answers.confidence[rows], kind="stable")][:limit]]


def suspects(answers: Answers) -> list[Suspect]:
    """Photos whose label is doubted, the least probable label first.

    By the rule of ``fieldmark check``: the model names another class, and the photo's own is less probable than a
    blind guess and at most a fifth as probable as the best.
    """
    guess = 1 / answers.probabilities.shape[1]
    doubtful = answers.own < np.minimum(guess, _DOUBTFUL_RATIO * answers.confidence)
    rows = np.flatnonzero(doubtful & (answers.predicted != answers.labels))
    order = rows[np.argsort(answers.own[rows], kind="stable")]
    return [Suspect(int(row), int(answers.predicted[row])) for row in order]
