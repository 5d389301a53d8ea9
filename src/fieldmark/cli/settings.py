"""``fieldmark settings METHOD``: every setting of a method with its default."""

from __future__ import annotations

import json
from typing import Annotated

import typer

__all__ = ["settings"]


def settings(
    method: Annotated[str, typer.Argument(help="A name that 'fieldmark methods' lists.")],
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")] = False,
) -> None:
    """List the settings of a method, for --set and recipes."""
    from rich.markup import escape
    from rich.table import Table

    from fieldmark.progress import console
    from fieldmark.recipe import settings_class

    model = settings_class(method)
    if json_output:
        typer.echo(json.dumps(model.model_json_schema()["properties"], ensure_ascii=False))
        return
    table = Table("setting", "default", "what it is", box=None, pad_edge=False)
    for name, field in model.model_fields.items():
        if name != "method":
            table.add_row(name, escape(str(field.default)), escape(field.description or ""))
    console.print(table)
