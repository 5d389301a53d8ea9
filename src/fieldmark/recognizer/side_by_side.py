"""Answers to several questions about one photo, side by side, after one pass through the graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import numpy as np

from fieldmark.arrays import Floats
from fieldmark.openset.open_set_classifier import OpenSetOutputs
from fieldmark.recognizer.answer import Answer
from fieldmark.recognizer.build_answer import answer_photo, answer_specimen
from fieldmark.recognizer.graphs import GraphOutputs, Graphs, QuestionGraphs
from fieldmark.uncertainty.guarantees import AnswerOptions, Guarantees

__all__ = ["Asked", "Judged", "Judgement", "answer_for", "answer_together", "judge"]

Judgement: TypeAlias = tuple[Floats, bool | None]
"""Probabilities (K,) of one photo for one question, and whether it shows none of the classes."""


class Asked(Protocol):
    """A model for one of its questions, such as a `Predictor`."""

    @property
    def question(self) -> str:
        """Name of the question."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Its answers."""

    guarantees: Guarantees
    graphs: Graphs

    def decide(self, outputs: GraphOutputs) -> OpenSetOutputs:
        """Return the results from the outputs of its graphs."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Results for n photos.

    Attributes:
        by_question: The results for each question, the first one first.
        boxes: (n, 4) where each photo shows its object, xyxy pixels; NaN where nothing looked for it.
    """

    by_question: tuple[OpenSetOutputs, ...]
    boxes: Floats

    def of(self, row: int) -> list[Judgement]:
        """Return the results for one of the photos, for each question."""
        return [
            (one.probabilities[row], None if one.unknown is None else bool(one.unknown[row]))
            for one in self.by_question
        ]


def judge(asked: Sequence[Asked], outputs: GraphOutputs) -> Judged:
    """Return the results for each question from what the graphs return for the first one."""
    graphs = [one.graphs for one in asked]
    each = [one.answer(outputs) if isinstance(one, QuestionGraphs) else outputs for one in graphs]
    return Judged(tuple(one.decide(own) for one, own in zip(asked, each, strict=True)), outputs.boxes)


def answer_for(
    asked: Sequence[Asked], path: str | None, found: Sequence[Judgement], wanted: AnswerOptions, box: Floats
) -> Answer:
    """Return the answer for one photo.

    Args:
        asked: The model for each of its questions.
        path: Path of the photo.
        found: Results for each question.
        wanted: Levels and number of candidates.
        box: (4,) where the photo shows its object, whatever is asked about it; NaN where nothing looked for it.
    """
    return _joined(
        {
            one.question: answer_photo(one.guarantees, one.classes, path, *own, wanted, box)
            for one, own in zip(asked, found, strict=True)
        }
    )


def answer_together(
    asked: Sequence[Asked],
    paths: Sequence[str | None],
    group: str | None,
    found: Sequence[Sequence[Judgement]],
    wanted: AnswerOptions,
) -> Answer:
    """Return one answer for several photos of one specimen.

    Args:
        asked: The model for each of its questions.
        paths: Paths of the photos.
        group: Name of the specimen.
        found: For each photo its results for each question.
        wanted: Levels and number of candidates.
    """
    answers = {}
    for number, one in enumerate(asked):
        rows, unknown = zip(*(photo[number] for photo in found), strict=True)
        answers[one.question] = answer_specimen(
            one.guarantees, one.classes, paths, group, np.stack(rows), unknown, wanted
        )
    return _joined(answers)


def _joined(answers: Mapping[str, Answer]) -> Answer:
    """Return the answer to the first question, with those to all questions where there are several."""
    first = next(iter(answers.values()))
    return first if len(answers) == 1 else replace(first, answers=dict(answers))
