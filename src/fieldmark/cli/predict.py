"""``fieldmark predict``: what is on these photos."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fieldmark.structures import Answer

__all__ = ["predict"]


def predict(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Photos, or folders of photos.")],
    json_output: Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")] = False,
    csv_output: Annotated[bool, typer.Option("--csv", help="A table on stdout.")] = False,
    top: Annotated[int, typer.Option(help="Candidates in an answer.")] = 5,
) -> None:
    """Recognize photos. Exits with 1 where some could not be read."""
    from fieldmark.cli.photo_paths import photo_paths
    from fieldmark.errors import SettingError
    from fieldmark.recognizer.recognizer import Recognizer

    if json_output and csv_output:
        raise SettingError("expected one of --json and --csv, but both were given; leave one out")
    photos = list(photo_paths(paths))
    answers = Recognizer(model).answers(photos, top_k=top)
    if json_output:
        failed = _print_json(answers)
    elif csv_output:
        failed = _print_csv(answers, top)
    else:
        failed = _print_table(answers, len(photos))
    if failed:
        raise typer.Exit(1)


def _print_json(answers: Iterator[Answer]) -> int:
    failed = 0
    for answer in answers:
        failed += answer.error is not None
        sys.stdout.write(json.dumps(answer.to_dict(), ensure_ascii=False) + "\n")
    return failed


def _print_csv(answers: Iterator[Answer], top: int) -> int:
    writer = csv.writer(sys.stdout)
    header = [name for rank in range(1, top + 1) for name in (f"candidate_{rank}", f"probability_{rank}")]
    writer.writerow(["photo", *header, "error"])
    failed = 0
    for answer in answers:
        failed += answer.error is not None
        cells = [cell for one in answer.candidates for cell in (one.label, f"{one.probability:.6f}")]
        cells += [""] * (2 * top - len(cells))
        writer.writerow([answer.path, *cells, answer.error or ""])
    return failed


def _print_table(answers: Iterator[Answer], count: int) -> int:
    """For eyes, so on stderr as everything meant for them; errors after the table."""
    from rich.markup import escape
    from rich.table import Table

    from fieldmark.progress import console, track

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("photo", "answer", "confidence", "otherwise"):
        table.add_column(name, overflow="fold")
    errors = []
    for answer in track(answers, "recognizing", count):
        if answer.error is not None:
            errors.append(answer.error)
            continue
        first, *others = answer.candidates
        rest = ", ".join(f"{one.label} {one.probability:.0%}" for one in others[:2] if one.probability >= 0.005)
        row = (
            escape(str(answer.path)),
            f"[bold]{escape(first.label)}[/bold]",
            f"{first.probability:.0%}",
            escape(rest),
        )
        table.add_row(*row)
    console.print(table)
    for error in errors:
        console.print(f"not read: {error}", style="red", markup=False, soft_wrap=True)
    return len(errors)
