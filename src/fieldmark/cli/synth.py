"""``fieldmark synth``: draw a data set of look-alike birds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fieldmark.cli.default_out import default_out
from fieldmark.progress import say

__all__ = ["synth"]


def synth(
    out: Annotated[
        Path | None,
        typer.Argument(
            help="Folder to write; new or empty; synth-birds if left out.", metavar="OUT", show_default=False
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("--out", "--output", help="The same as OUT.")] = None,
    classes: Annotated[int, typer.Option(help="Number of species, 2 to 400.")] = 8,
    per_class: Annotated[int, typer.Option(help="Number of pictures of each species.")] = 60,
    layout: Annotated[
        str, typer.Option(help="folder, nested, cub, cars, aircraft, flowers or csv.", metavar="NAME")
    ] = "folder",
    seed: Annotated[int, typer.Option(help="The same seed draws the same pictures.")] = 0,
    size: Annotated[int, typer.Option(help="Width and height of the pictures in pixels.")] = 256,
) -> None:
    """Draw a data set of look-alike birds with known field marks."""
    from fieldmark_synth import synthesize

    if out and output:
        raise typer.BadParameter("synth writes one folder: give OUT or --out OUT, not both")
    folder = out or output or default_out(Path("synth"), "-birds")
    records = synthesize(folder, classes, per_class, layout, seed, size)
    say(f"drew {len(records):,} pictures of {len(records.classes)} species in {folder}")
    say(f"what separates each pair of species is listed in {folder / 'field_marks.json'}")
    say(f"next: fieldmark fit {folder} --out MODEL")
