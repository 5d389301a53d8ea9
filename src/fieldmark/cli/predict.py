"""``fieldmark predict``: identify photos."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fieldmark.cli.device_option import DeviceOption

if TYPE_CHECKING:
    from fieldmark.recognizer.answer import Answer

__all__ = ["predict"]


def predict(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Photos, folders of photos, or a CSV with path,group.")
    ],
    json_output: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for each photo to stdout.")
    ] = False,
    csv_output: Annotated[bool, typer.Option("--csv", help="Print a CSV table to stdout.")] = False,
    top: Annotated[int, typer.Option("--top", "--top-k", help="Number of candidates in an answer.")] = 5,
    coverage: Annotated[float | None, typer.Option(help="Target coverage of the prediction sets, such as 0.9.")] = None,
    target_accuracy: Annotated[
        float | None, typer.Option(help="Target accuracy of the answers: they back off to genus, family … to meet it.")
    ] = None,
    confidence: Annotated[float | None, typer.Option(hidden=True)] = None,
    same_specimen: Annotated[
        bool, typer.Option("--same-specimen", help="Give one answer for all photos: they show one specimen.")
    ] = False,
    device: DeviceOption = "auto",
) -> None:
    """Identify photos. Exits with 1 if some cannot be read."""
    from fieldmark.api import load
    from fieldmark.cli.photo_paths import photo_paths
    from fieldmark.cli.print_answers import print_answers
    from fieldmark.errors import SettingError

    if json_output and csv_output:
        raise SettingError("--json and --csv exclude each other; leave one out")
    specimens = _specimens(paths, same_specimen)
    photos = list(photo_paths(paths)) if specimens is None else []
    recognizer = load(model, device=device)
    target = confidence if target_accuracy is None else target_accuracy  # --confidence is its old name
    if specimens is None:
        answers = recognizer.answers(photos, top_k=top, coverage=coverage, target_accuracy=target)
    else:
        answers = (
            recognizer.predict_specimen(several, group=group, top_k=top, coverage=coverage, target_accuracy=target)
            for group, several in specimens
        )
    if json_output:
        failed = _print_json(answers)
    elif csv_output:
        failed = _print_csv(answers, top)
    else:
        failed = print_answers(answers, len(photos if specimens is None else specimens))
    if failed:
        raise typer.Exit(1)


def _specimens(paths: Sequence[Path], same: bool) -> list[tuple[str | None, list[Path]]] | None:
    """Return the names and photos of specimens; None if each photo gets an answer of its own."""
    from fieldmark.cli.photo_paths import photo_paths
    from fieldmark.cli.specimens import read_specimens
    from fieldmark.errors import SettingError

    tables = [path for path in paths if path.suffix.lower() == ".csv"]
    if not tables:
        return [(None, list(photo_paths(paths)))] if same else None
    if same or len(paths) > 1:
        raise SettingError(f"{tables[0]} names the specimens itself: give no other path and leave out --same-specimen")
    return list(read_specimens(tables[0]).items())


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
        writer.writerow([answer.path or answer.group or "", *cells, answer.error or ""])
    return failed
