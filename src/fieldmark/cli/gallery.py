"""``fieldmark gallery``: add known photos to a model from embeddings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["gallery"]


def gallery(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    embeddings: Annotated[str, typer.Argument(help="What embed wrote: a folder, an address or a Lance table.")],
    label_col: Annotated[str | None, typer.Option(help="The column that names the class of each photo.")] = None,
    by_folder: Annotated[bool, typer.Option("--by-folder", help="The folder of each photo names its class.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print what changed as one JSON object.")] = False,
) -> None:
    """Add photos to the known photos of a model, from the embeddings that embed wrote."""
    from fieldmark.errors import SettingError, counted
    from fieldmark.progress import say
    from fieldmark.scale.fill_gallery import add_known_photos

    if label_col is not None and by_folder:
        raise SettingError("--label-col and --by-folder exclude each other: give one of them")
    found = add_known_photos(model, embeddings, label_col=label_col, by_folder=by_folder)
    if json_output:
        typer.echo(json.dumps(found.to_dict()))
        return
    say(f"added {counted(found.added, 'photo')}; the gallery of {model} holds {counted(found.photos, 'photo')}")
    for count, reason in (
        (found.known, "there already"),
        (found.test, "of the test split left out"),
        (found.unreadable, "without an embedding"),
        (found.unlabelled, "without a class"),
    ):
        if count:
            say(f"{counted(count, 'photo')} {reason}")
