"""``fieldmark check``: find problems in a data set before training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fieldmark.cli.data_options import DecisionsOption, DropLabelOption, GroupColOption, LabelColOption, PathColOption
from fieldmark.cli.engine_options import CoresOption, EngineOption, check_engine

__all__ = ["check"]


def check(
    data: Annotated[Path, typer.Argument(help="A folder of class folders, a CSV, or a known data set.")],
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")] = False,
    fast: Annotated[
        bool, typer.Option("--fast", help="Check only files, classes and pixels: no embeddings and no doubtful labels.")
    ] = False,
    limit: Annotated[
        str, typer.Option(help="Examples of each finding to show: a number, or all. --json always has all.")
    ] = "5",
    seed: Annotated[int, typer.Option(help="Seed of the folds in which labels are checked.")] = 0,
    path_col: PathColOption = None,
    label_col: LabelColOption = None,
    group_col: GroupColOption = None,
    drop_label: DropLabelOption = None,
    decisions: DecisionsOption = None,
    engine: EngineOption = "local",
    cores: CoresOption = None,
) -> None:
    """Find broken files, duplicates, leaks between splits, small classes and doubtful labels.

    Exits with 0 if nothing is worse than a warning, with 1 if there are errors such as broken files, and with 2 if the
    data cannot be read.
    """
    from fieldmark.api import check as check_data
    from fieldmark.check.check_report import render
    from fieldmark.cli.data_options import read_named
    from fieldmark.progress import console

    check_engine(engine, cores)
    examples = _examples(limit)
    records = read_named(data, path_col, label_col, group_col, drop_label, decisions)
    assert records is not None
    report = check_data(records, fast=fast, seed=seed, engine=engine, cores=cores)
    if json_output:
        typer.echo(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    else:
        console.print(render(report, examples))
    if report.has_errors:
        raise typer.Exit(1)


def _examples(limit: str) -> int | None:
    """Return the number of examples to show; None for all, which 0 also means."""
    from fieldmark.errors import SettingError

    if limit.lower() == "all":
        return None
    if not limit.isdecimal():
        raise SettingError(f"--limit must be a number of examples or 'all', but is '{limit}'")
    return int(limit) or None
