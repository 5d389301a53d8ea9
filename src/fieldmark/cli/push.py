"""``fieldmark push``: share a model on the Hugging Face Hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["push"]


def push(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    repo: Annotated[str, typer.Argument(metavar="USER/NAME", help="Name of the model on the Hub.")],
    evaluation: Annotated[
        Path | None, typer.Option(help="Output of 'evaluate --json': its figures go into the card's metadata.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    revision: Annotated[str | None, typer.Option(help="Branch to push to; main if left out.")] = None,
    licence: Annotated[str | None, typer.Option("--license", help="Licence of the model, such as cc-by-4.0.")] = None,
) -> None:
    """Push a model to the Hugging Face Hub. The split file and the gallery hold names of photos, but no photos."""
    from fieldmark.artifact.push_model import push_model
    from fieldmark.progress import say

    figures = None if evaluation is None else _read(evaluation)
    commit = push_model(model, repo, evaluation=figures, private=private, revision=revision, licence=licence)
    name = repo.removeprefix("hf://")
    say(f"pushed {model} to {name}, commit {commit[:12]}")
    say(f"next: fieldmark predict hf://{name}{f'@{revision}' if revision else ''} PHOTOS")


def _read(path: Path) -> dict[str, Any]:
    from fieldmark.errors import SettingError

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and "top1_accuracy" in content:
            return content
    except (OSError, ValueError):
        pass
    raise SettingError(
        f"expected the object of 'fieldmark evaluate --json' in {path}, found none: write it there first"
    )
