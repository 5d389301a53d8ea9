"""``fieldmark datasets``: which data sets are known, and how to bring one."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["datasets"]


def datasets(
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object a line on stdout.")] = False,
) -> None:
    """List the data layouts that are recognised."""
    import json

    from fieldmark.data.read import READERS
    from fieldmark.progress import console

    for name, reader in READERS.items():
        about = (reader.__doc__ or "").strip().splitlines()[0]
        if json_output:
            typer.echo(json.dumps({"name": name, "about": about}))
        else:
            console.print(f"{name:20} {about}", markup=False)
