"""``fieldmark datasets``: list the known layouts, or download a published data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fieldmark.cli.verb import Verb, VerbGroup

__all__ = ["datasets"]

datasets = typer.Typer(
    help="List the data sets that Fieldmark recognizes, or download one.", invoke_without_command=True, cls=VerbGroup
)


@datasets.callback()
def _default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_known()


@datasets.command("list", cls=Verb)
def list_known(
    json_output: Annotated[
        bool, typer.Option("--json", help="Print one JSON object for each layout to stdout.")
    ] = False,
) -> None:
    """List the layouts that Fieldmark recognizes."""
    from fieldmark.data.fetch import BY_HAND, FETCHABLE
    from fieldmark.data.readers import READERS
    from fieldmark.progress import console

    for name, reader in READERS.load_all().items():
        how = "fetch" if name in FETCHABLE else "by hand" if name in BY_HAND else "your own"
        if json_output:
            typer.echo(json.dumps({"name": name, "about": reader.about, "source": how}))
        else:
            console.print(f"{name:18} {how:8} {reader.about}", markup=False)


@datasets.command("fetch", cls=Verb)
def fetch_one(
    name: Annotated[str, typer.Argument(help="A name that 'fieldmark datasets list' shows.")],
    root: Annotated[Path, typer.Option(help="Folder to download into.")] = Path("data"),
) -> None:
    """Download a published data set."""
    from fieldmark.data.fetch import fetch
    from fieldmark.progress import say

    folder = fetch(name, root)
    say(f"fetched {name} into {folder}")
    say(f"next: fieldmark fit {folder} --out MODEL")
