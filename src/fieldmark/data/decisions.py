"""What a person decided about photos of a data set: a CSV with a row for each photo and problem."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from fieldmark.atomic import atomic_file
from fieldmark.data.label_names import fold_name
from fieldmark.data.readers._tables import Row, read_table
from fieldmark.errors import DataError

__all__ = ["COLUMNS", "PROBLEMS", "VERDICTS", "Decision", "Problem", "Verdict", "read_decisions", "write_decisions"]

Verdict = Literal["keep", "relabel", "drop", "cannot tell"]
Problem = Literal["label", "duplicate", "class", "file"]
"""``label``: the label looks wrong. ``duplicate``: another photo shows the same moment. ``class``: its class has few
photos. ``file``: it cannot be read."""

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
PROBLEMS: tuple[Problem, ...] = get_args(Problem)
COLUMNS = ("path", "content", "problem", "decision", "label", "given", "suggested", "reason")
"""Columns of the file. `read_decisions` needs only ``path`` and ``decision``."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision about one photo, or a row in which it is still to be written.

    Attributes:
        path: The photo, relative to the root of the data set, with forward slashes.
        content: `content_key` of the file that the person saw; empty for any content.
        problem: What the decision is about.
        verdict: None where nothing is decided yet.
        label: The new class, with ``relabel``.
        given: The class that the photo had, for people.
        suggested: The class that a model suggested, for people.
        reason: Why the photo was shown, for people.
    """

    path: str
    content: str
    problem: Problem
    verdict: Verdict | None
    label: str = ""
    given: str = ""
    suggested: str = ""
    reason: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Photo and problem: of two rows with one key the last one counts."""
        return self.path, self.problem


def read_decisions(file: Path) -> list[Decision]:
    """Read the decisions in a CSV. Rows without a decision are left out.

    Args:
        file: As `write_decisions` writes it, also after a spreadsheet has saved it (semicolons, UTF-16).

    Raises:
        DataError: There is no such file, a column is missing, or a cell does not fit.
    """
    if not file.is_file():
        raise DataError(f"expected a CSV of decisions at {file}, found nothing: check the path")
    table = read_table(file)
    missing = [name for name in ("path", "decision") if name not in table.titles]
    if missing:
        raise DataError(
            f"expected the column '{missing[0]}' in {file}, found {', '.join(table.titles.values()) or 'none'}: "
            "give a file that 'fieldmark review' wrote"
        )
    found = {decision.key: decision for row in table.rows if (decision := _decision(row, file)) is not None}
    return list(found.values())


def write_decisions(file: Path, rows: Iterable[Decision]) -> None:
    """Write rows to a CSV, all of them or none."""
    with atomic_file(file) as draft, draft.open("w", newline="", encoding="utf-8", errors="surrogateescape") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for one in rows:
            cells: Sequence[Any] = (
                *(one.path, one.content, one.problem, one.verdict or "", one.label),
                *(one.given, one.suggested, one.reason),
            )
            writer.writerow(cells)


def _decision(row: Row, file: Path) -> Decision | None:
    cells = row.cells
    verdict = cells["decision"].strip().lower().replace("_", " ")
    label, problem = fold_name(cells.get("label", "")), cells.get("problem", "").strip().lower() or "label"
    if label and verdict != "relabel":
        found = f"with '{verdict}'" if verdict else "without a decision"
        raise DataError(
            f"expected a label only with relabel in line {row.line} of {file}, found '{label}' {found}: "
            "write relabel, or empty the cell"
        )
    if not verdict:
        return None
    if verdict not in VERDICTS:
        raise DataError(
            f"expected keep, relabel, drop or cannot tell as decision in line {row.line} of {file}, found '{verdict}': "
            "use one of the four"
        )
    if verdict == "relabel" and not label:
        raise DataError(
            f"expected the new class as label in line {row.line} of {file}, found an empty cell: "
            "write the class, or choose another decision"
        )
    if problem not in PROBLEMS:
        raise DataError(
            f"expected {', '.join(PROBLEMS[:-1])} or {PROBLEMS[-1]} as problem in line {row.line} of {file}, "
            f"found '{problem}': use one of the four"
        )
    if not cells["path"]:
        raise DataError(f"expected a path in line {row.line} of {file}, found an empty cell: fill it in")
    rest = {name: cells.get(name, "") for name in ("content", "given", "suggested", "reason")}
    return Decision(
        path=cells["path"].replace("\\", "/"),
        problem=next(name for name in PROBLEMS if name == problem),
        verdict=next(name for name in VERDICTS if name == verdict),
        label=label,
        **rest,
    )
