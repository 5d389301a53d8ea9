"""Answers as rows of a table and as JSON objects, with the columns of the table that named the photos."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from fieldmark.recognizer.answer import Answer

__all__ = ["FIELDS", "AnswerRows", "RowFormat"]

FIELDS = (
    *("path", "label", "probability", "unknown", "set", "rank", "ancestor"),
    *("error", "coverage", "group", "photos", "box"),
)
"""First columns of the table, with the names of the JSON fields. Sets and photos are joined by ``|``, and
the edges of a box by spaces."""

QUESTION_FIELDS = ("label", "probability", "unknown", "set")
"""Columns for each further question; ``sex_label`` is one."""

RowFormat: TypeAlias = Literal["csv", "json"]


class AnswerRows:
    """Turns answers into lines of text.

    Args:
        form: ``csv``, or ``json`` for one object on each line.
        top_k: Candidates for which the table has columns.
        carried: Titles of input columns that the table repeats; one that collides gets the prefix ``input_``.
        notes: Further columns, such as ``moved_to``.
        questions: Names of the further questions.
    """

    def __init__(
        self,
        form: RowFormat,
        top_k: int = 5,
        carried: Sequence[str] = (),
        notes: Sequence[str] = (),
        questions: Sequence[str] = (),
    ) -> None:
        self.form: RowFormat = form
        self._top_k, self._carried, self.notes, self._questions = top_k, tuple(carried), tuple(notes), tuple(questions)
        ranks = range(1, top_k + 1)
        own = [*FIELDS, *(name for rank in ranks for name in (f"candidate_{rank}", f"probability_{rank}"))]
        own += [f"{question}_{name}" for question in questions for name in QUESTION_FIELDS]
        own += notes
        self.columns = [*own, *(f"input_{title}" if title in own else title for title in self._carried)]

    @property
    def header(self) -> str:
        """The first line: the titles of a table, nothing for JSON."""
        return _csv_line(self.columns) if self.form == "csv" else ""

    def line(self, answer: Answer, carried: Mapping[str, str] | None = None, **notes: str | int | None) -> str:
        """Return the line of an answer, with its line break. A note that is None is null in JSON, empty in a table."""
        if self.form == "csv":
            return _csv_line(self.cells(answer, carried, **notes))
        own = {name: notes.get(name, "") for name in self.notes}
        content: dict[str, Any] = answer.to_dict()
        if carried:
            content["columns"] = dict(carried)
        return json.dumps(content | own, ensure_ascii=False) + "\n"

    def cells(self, answer: Answer, carried: Mapping[str, str] | None = None, **notes: str | int | None) -> list[str]:
        """Return the cells of an answer's row in a table, in the order of `columns`."""
        parts = [answer.answers.get(question, Answer(None)) for question in self._questions]
        cells = [*_fields(answer), *_candidates(answer, self._top_k)]
        cells += [cell for part in parts for cell in _question_cells(part)]
        values = [notes.get(name, "") for name in self.notes]
        cells += ["" if value is None else str(value) for value in values]
        return cells + [(carried or {}).get(title, "") for title in self._carried]


def _question_cells(answer: Answer) -> list[str]:
    return [
        answer.label or "",
        "" if answer.confidence is None else f"{answer.confidence:.6f}",
        "" if answer.unknown is None else str(answer.unknown).lower(),
        "|".join(answer.set or ()),
    ]


def _fields(answer: Answer) -> list[str]:
    return [
        answer.path or "",
        *_question_cells(answer),
        answer.rank or "",
        answer.ancestor or "",
        answer.error or "",
        "" if answer.coverage is None else f"{answer.coverage:g}",
        answer.group or "",
        "|".join(answer.photos),
        " ".join(f"{edge:g}" for edge in answer.box or ()),
    ]


def _candidates(answer: Answer, top_k: int) -> list[str]:
    cells = [cell for one in answer.candidates for cell in (one.label, f"{one.probability:.6f}")]
    return cells + [""] * (2 * top_k - len(cells))


def _csv_line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
