"""``fieldmark check``: find problems in a data set before training."""

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
        bool, typer.Option("--fast", help="Check only files, classes and pixels: no embeddings and no doubtful labels.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of the folds in which labels are checked.")] = 0,
) -> None:
    """Find broken files, duplicates, leaks between splits, small classes and doubtful labels.

    Exits with 0 if nothing is worse than a warning, with 1 if there are errors such as broken files, and with 2 if the
    data cannot be read.
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
