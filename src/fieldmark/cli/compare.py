"""``fieldmark compare``: methods side by side on the user's own photos."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fieldmark.cli.data_options import DropLabelOption, GroupColOption, LabelColOption, PathColOption
from fieldmark.cli.default_out import default_out

if TYPE_CHECKING:
    from fieldmark.evaluation.comparison import Comparison

__all__ = ["compare"]


def compare(
    data: Annotated[Path, typer.Argument(help="A folder of class folders, a CSV, or a known data set.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "--output",
            help="Folder for the runs and the result; give it again to continue. DATA-comparison if left out.",
        ),
    ] = None,
    methods: Annotated[
        str | None,
        typer.Option(help="Separated by commas: name, name[key=value,...] or label:name[...]; all methods by default."),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Number of seeds; they count from 0.")] = 1,
    baseline: Annotated[
        str | None, typer.Option(help="Method that the others are compared with; plain fine-tuning by default.")
    ] = None,
    classes: Annotated[str | None, typer.Option(help="A range such as 0:20, or names separated by commas.")] = None,
    path_col: PathColOption = None,
    label_col: LabelColOption = None,
    group_col: GroupColOption = None,
    drop_label: DropLabelOption = None,
    backbone: Annotated[str | None, typer.Option(help="Any timm model, the same for all.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Side in pixels, the same for all.")] = None,
    epochs: Annotated[int | None, typer.Option(help="The same for all; 10 where no budget is given.")] = None,
    budget: Annotated[str | None, typer.Option(help="Training time for each run, such as 90s or 10m.")] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", help="A setting for all, as key=value.")] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(help="Values of a setting, as key=a,b,c; may be repeated: every combination is a row."),
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="File for the table as Markdown.")] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")] = False,
) -> None:
    """Train methods in the same way and measure them on the same photos. Exits with 1 where a run is missing."""
    from fieldmark.api import compare as run
    from fieldmark.atomic import require_place
    from fieldmark.cli.data_options import read_named
    from fieldmark.progress import say

    if markdown is not None:
        require_place(markdown)
    photos = read_named(data, path_col, label_col, group_col, drop_label)
    assert photos is not None
    out = out or default_out(data, "-comparison")
    try:
        result = run(
            photos,
            out,
            methods=methods,
            seeds=seeds,
            baseline=baseline,
            classes=classes,
            overrides=overrides or (),
            grid=grid or (),
            backbone=backbone,
            image_size=image_size,
            epochs=epochs,
            budget=budget,
        )
    except KeyboardInterrupt:
        say("finished runs stay; to continue, give the same command again")
        raise
    if markdown is not None:
        from fieldmark.report.comparison.comparison_page import write_markdown

        write_markdown(result, markdown)
    if json_output:
        typer.echo(json.dumps(result.to_dict(), ensure_ascii=False))
    else:
        _print(result, out)
    if any(row.status in ("failed", "partly") for row in result.methods):
        raise typer.Exit(1)


def _print(result: Comparison, out: Path) -> None:
    """The table, on stderr."""
    from rich.markup import escape
    from rich.table import Table

    from fieldmark.compare.study import PAGE
    from fieldmark.progress import console, say

    table = Table("method", "top-1", "lowest to highest", "seconds", "against the baseline", box=None, pad_edge=False)
    for row in result.methods:
        if row.mean is None:
            table.add_row(escape(row.label), "", "", "", escape(f"{row.status}: {row.reason}"))
            continue
        span = f"{min(row.top1):.1%} to {max(row.top1):.1%}"
        table.add_row(escape(row.label), f"{row.mean:.1%}", span, f"{row.seconds:.0f}", escape(row.verdict))
    console.print(table)
    for note in result.notes:
        say(f"note: {note}")
    say(f"open {out / PAGE}")
