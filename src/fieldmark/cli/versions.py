"""``fieldmark versions`` and ``rollback``: the generations of a model folder, and the way back to one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fieldmark.artifact.history import Generation

__all__ = ["rollback", "versions"]


def versions(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    json_output: Annotated[bool, typer.Option("--json", help="Print a JSON list to stdout.")] = False,
) -> None:
    """List the generations of a model: number, time, what changed, figures. The newest comes first."""
    from fieldmark.artifact.history import versions as list_versions

    found = list_versions(model)
    if json_output:
        typer.echo(json.dumps([generation.to_dict() for generation in found], ensure_ascii=False))
    else:
        _print_table(found)


def rollback(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    number: Annotated[
        int | None, typer.Argument(metavar="[N]", help="Generation to go back to; the previous one if left out.")
    ] = None,
) -> None:
    """Go back to an earlier generation of a model. This is a change too: roll back again to undo it."""
    from fieldmark.artifact.history import rollback as go_back
    from fieldmark.progress import say

    made = go_back(model, number)
    say(f"generation {made.generation} of {model} is a {made.change}")


def _print_table(found: list[Generation]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from fieldmark.progress import console

    has_corrections = any(generation.corrections for generation in found)
    titles = ["", "made (UTC)", "change", "classes", *(["corrections"] if has_corrections else []), "val top-1"]
    table = Table(*titles, box=None, header_style="bold", pad_edge=False)
    table.columns[1].no_wrap, table.columns[2].overflow = True, "fold"
    for generation in found:
        mark = "* " if generation.is_current else "  "
        top1 = generation.figures.get("val_top1")
        table.add_row(
            f"{mark}{generation.number}",
            generation.made.replace("T", " ")[:16],
            escape(
                f"{generation.change}: {', '.join(generation.questions)}" if generation.questions else generation.change
            ),
            str(generation.classes) + (f" + {len(generation.enrolled)}" if generation.enrolled else ""),
            *([str(generation.corrections)] if has_corrections else []),
            "–" if top1 is None else f"{top1:.1%}",
        )
    console.print(table)
