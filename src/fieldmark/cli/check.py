"""`fieldmark check`: look a data set over before training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["check"]


def check(
    data: Annotated[Path, typer.Argument(help="A folder of class folders, a CSV, or a known data set.")],
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")] = False,
    fast: Annotated[
        bool, typer.Option("--fast", help="Only files, classes and pixels: no embeddings, no doubted labels.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Decides the folds in which labels are doubted.")] = 0,
) -> None:
    """Find broken files, duplicates, leaks between splits, thin classes and doubtful labels.

    Exits with 0 where nothing is worse than a warning, 1 where there are errors such as broken files, 2 where the
    data cannot be read at all.
    """
    from fieldmark.api import check as check_data
    from fieldmark.check.check_report import render
    from fieldmark.progress import console

    report = check_data(data, fast=fast, seed=seed)
    if json_output:
        typer.echo(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    else:
        console.print(render(report))
    if report.has_errors:
        raise typer.Exit(1)
