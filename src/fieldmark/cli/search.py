"""``fieldmark search``: find the known photos most similar to a photo."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fieldmark.cli.device_option import DeviceOption

__all__ = ["search"]


def search(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    image: Annotated[Path, typer.Argument(help="A photo.")],
    k: Annotated[int, typer.Option("-k", help="Number of known photos to show.")] = 5,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")] = False,
    device: DeviceOption = "auto",
) -> None:
    """Find the known photos nearest to a photo in the model's embedding."""
    from fieldmark.api import load

    found = load(model, device=device).search(image, k)
    if json_output:
        neighbours = [asdict(neighbour) for neighbour in found]
        typer.echo(json.dumps({"path": str(image), "neighbours": neighbours}, ensure_ascii=False))
        return
    from rich.markup import escape
    from rich.table import Table

    from fieldmark.progress import console

    table = Table("similarity", "class", "split", "photo", box=None, header_style="bold", pad_edge=False)
    for one in found:
        table.add_row(f"{one.similarity:.3f}", escape(one.label), one.split, escape(one.path))
    console.print(table)
