"""``fieldmark advise``: have I enough photos, and what limits the accuracy?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fieldmark.cli.data_options import DropLabelOption, GroupColOption, LabelColOption, PathColOption

if TYPE_CHECKING:
    from fieldmark.check.advise_data import Advice

__all__ = ["advise"]

_CLASSES_SHOWN = 10


def advise(
    data: Annotated[Path, typer.Argument(help="A folder of class folders, a CSV, or a known data set.")],
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "--output", help="HTML page to write, with the curve and every class.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the folds and subsets.")] = 0,
    path_col: PathColOption = None,
    label_col: LabelColOption = None,
    group_col: GroupColOption = None,
    drop_label: DropLabelOption = None,
) -> None:
    """Measure how much more photos would help, overall and for each class, and find what limits the accuracy."""
    from fieldmark.check.advise_data import advise as advise_data
    from fieldmark.data.read import read
    from fieldmark.progress import say
    from fieldmark.report.advice.advice_page import write_advice
    from fieldmark.report.page import require_writable

    if out is not None:
        require_writable(out, "advice.html")
    records = read(data, path_col=path_col, label_col=label_col, group_col=group_col, drop_labels=drop_label or ())
    found = advise_data(records, seed=seed)
    if out is not None:
        write_advice(found.curve, found.limits, found.next_steps, data.resolve().name, found.num_photos, out)
    if json_output:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
    else:
        _print(found)
    if out is not None:
        say(f"wrote {out}")


def _print(found: Advice) -> None:
    from rich.markup import escape
    from rich.table import Table

    from fieldmark.progress import console, say

    points = Table("photos per class", "accuracy", "95% CI", "", box=None, header_style="bold", pad_edge=False)
    for point in found.curve.points:
        shown = point.accuracy
        interval = f"{100 * shown.low:.1f}–{shown.high:.1%}"
        kind = "" if point.measured else "expected"
        points.add_row(f"{point.photos_per_class:.1f}", f"{shown.value:.1%}", interval, kind)
    console.print(points)
    table = Table("class", "photos", "correct", "twice the photos", box=None, header_style="bold", pad_edge=False)
    for one in found.curve.by_class[:_CLASSES_SHOWN]:
        gain = f"+{100 * one.gain.value:.1f} points ({100 * one.gain.low:.1f}–{100 * one.gain.high:.1f})"
        table.add_row(escape(one.label), str(one.photos), f"{one.accuracy:.0%}", gain)
    console.print(table)
    rest = len(found.curve.by_class) - _CLASSES_SHOWN
    if rest > 0:
        say(f"… and {rest} more classes (all with --json or --out)", style="dim")
    for step in found.next_steps:
        say(f"- {step}")
    say(f"measured in {found.seconds:.0f} s on {found.num_photos:,} photos; the test split was not used", style="dim")
