"""``fieldmark methods``: which methods there are."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from fieldmark.cli.verb import Verb

__all__ = ["ListsMethods", "methods"]


def methods(
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON to stdout, a line for each method.")] = False,
) -> None:
    """List the methods, those of installed plug-ins included."""
    from fieldmark.methods import METHODS
    from fieldmark.progress import console

    for name in METHODS:
        if json_output:
            typer.echo(json.dumps({"name": name, "about": METHODS.summary(name)}, ensure_ascii=False))
        else:
            console.print(f"{name:22} {METHODS.summary(name)}", markup=False)


class ListsMethods(Verb):
    """A command whose help ends with all methods, one line for each."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from rich.markup import escape

        from fieldmark.methods import METHODS

        lines = [f"{name}: {METHODS.summary(name)}" for name in METHODS]
        self.epilog = "\n\n".join(["Methods:", *map(escape, lines), "Settings of a method: fieldmark settings METHOD"])
        super().format_help(ctx, formatter)
