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
    path_col: Annotated[str | None, typer.Option(help="The column of a CSV that names the photo.")] = None,
    label_col: Annotated[str | None, typer.Option(help="The column that names the class.")] = None,
    group_col: Annotated[str | None, typer.Option(help="The column whose equal values stay in one split.")] = None,
    drop_label: Annotated[list[str] | None, typer.Option(help="A class to leave out; may be repeated.")] = None,
) -> None:
    """Find broken files, duplicates, leaks between splits, small classes and doubtful labels.

    Exits with 0 if nothing is worse than a warning, with 1 if there are errors such as broken files, and with 2 if the
    data cannot be read.
    """
    from fieldmark.api import check as check_data
    from fieldmark.check.check_report import render
    from fieldmark.data.read import read
    from fieldmark.progress import console

    records = read(data, path_col=path_col, label_col=label_col, group_col=group_col, drop_labels=drop_label or ())
    report = check_data(records, fast=fast, seed=seed)
    if json_output:
        typer.echo(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    else:
        console.print(render(report))
    if report.has_errors:
        raise typer.Exit(1)
