"""``fieldmark unmove``: put photos that ``predict --move-into`` sorted back where they came from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["unmove"]


def unmove(
    folder: Annotated[Path, typer.Argument(help="The folder that was given to predict --move-into.")],
) -> None:
    """Put sorted photos back where they came from. Exits with 1 if some stay."""
    from fieldmark.catalogue.sort_photos import undo_moves
    from fieldmark.progress import say

    undone = undo_moves(folder)
    for place, reason in undone.kept.items():
        say(f"not moved: {place}: {reason}", style="yellow")
    say(f"moved {undone.restored:,} photos back")
    if undone.kept:
        raise typer.Exit(1)
