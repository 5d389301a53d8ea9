"""Print answers for people: a card for each of a few photos, a table for many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fieldmark.recognizer.answer import Answer

__all__ = ["MAX_CARDS", "print_answers"]

MAX_CARDS = 5
"""More photos than this are printed as a table."""


def print_answers(answers: Iterator[Answer], count: int) -> int:
    """Print to stderr, errors last.

    Returns:
        The number of photos that cannot be read.
    """
    from fieldmark.progress import console, track

    errors, good = [], []
    for answer in track(answers, "recognizing", count):
        if answer.error is not None:
            errors.append(answer.error)
        elif count <= MAX_CARDS:
            _print_card(answer)
        else:
            good.append(answer)
    if good:
        _print_table(good)
    for error in errors:
        console.print(f"not read: {error}", style="red", markup=False, soft_wrap=True)
    return len(errors)


def _print_card(answer: Answer) -> None:
    from rich.markup import escape

    from fieldmark.progress import console

    first = answer.candidates[0]
    console.print(escape(_title(answer)), style="dim", soft_wrap=True)
    console.print(f"  [bold]{escape(_headline(answer))}[/bold]  {first.probability:.0%}", soft_wrap=True)
    for line in (_rank_line(answer), _set_line(answer), _others_line(answer), _unknown_line(answer)):
        if line:
            console.print(f"  {line}", markup=False, soft_wrap=True)
    for name, one in list(answer.answers.items())[1:]:
        console.print(f"  {escape(name)}: [bold]{escape(_headline(one))}[/bold]  {_sure(one)}", soft_wrap=True)
        for line in (_set_line(one), _unknown_line(one)):
            if line:
                console.print(f"    {line}", markup=False, soft_wrap=True)


def _print_table(answers: list[Answer]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from fieldmark.progress import console

    table = Table(box=None, header_style="bold", pad_edge=False)
    questions = list(answers[0].answers)[1:]
    for name in ("photo", "answer", "confidence", "set", *map(escape, questions), "other candidates"):
        table.add_column(name, overflow="fold")
    for answer in answers:
        rest = ", ".join(
            f"{one.label} {one.probability:.0%}" for one in answer.candidates[1:3] if one.probability >= 0.005
        )
        size = "" if answer.set is None else f"{len(answer.set)} classes" if len(answer.set) > 1 else "1 class"
        note = " (probably none of the classes)" if answer.unknown else ""
        table.add_row(
            escape(_title(answer)),
            f"[bold]{escape(_headline(answer))}[/bold]{note}",
            f"{answer.candidates[0].probability:.0%}",
            size,
            *(f"{escape(_headline(one))} {_sure(one)}" for one in map(answer.answers.__getitem__, questions)),
            escape(rest),
        )
    console.print(table)
    level = next((answer.coverage for answer in answers if answer.coverage is not None), None)
    if level is not None:
        console.print(
            f"on photos like these, the set contains the correct class at least {level:.0%} of the time", style="dim"
        )


def _sure(answer: Answer) -> str:
    return f"{answer.candidates[0].probability:.0%}"


def _title(answer: Answer) -> str:
    if answer.photos:
        return f"{answer.group or 'one specimen'}, {len(answer.photos)} photos"
    return answer.group or str(answer.path)


def _headline(answer: Answer) -> str:
    if answer.ancestor is not None:
        return f"{answer.ancestor} ({answer.rank}), most likely {answer.label}"
    return str(answer.label) if answer.rank else f"uncertain, most likely {answer.label}"


def _rank_line(answer: Answer) -> str:
    if answer.ancestor is not None:
        return f"only the {answer.rank} is certain"
    return "" if answer.rank else "no rank is certain enough"


def _set_line(answer: Answer) -> str:
    if answer.set is None or answer.coverage is None:
        return ""
    shown = ", ".join(answer.set[:8]) + (f" and {len(answer.set) - 8} more" if len(answer.set) > 8 else "")
    return f"prediction set of {len(answer.set)} (correct at least {answer.coverage:.0%} of the time): {shown}"


def _others_line(answer: Answer) -> str:
    others = [f"{one.label} {one.probability:.0%}" for one in answer.candidates[1:4] if one.probability >= 0.005]
    return f"other candidates: {', '.join(others)}" if others else ""


def _unknown_line(answer: Answer) -> str:
    return "probably none of the classes that the model knows" if answer.unknown else ""
