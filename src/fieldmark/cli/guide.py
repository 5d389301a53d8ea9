"""``fieldmark guide``: an illustrated field guide to the classes of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["guide"]


def guide(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    data: Annotated[Path | None, typer.Argument(help="A data set; the model's own if left out.")] = None,
    *,
    out: Annotated[Path, typer.Option(help="HTML file to write.")],
    pairs: Annotated[int, typer.Option(min=0, help="Look-alike pairs to show with their photos.")] = 40,
    photos: Annotated[int, typer.Option(min=1, help="Photos of each class of a pair to explain.")] = 8,
    test: Annotated[
        bool, typer.Option("--test", help="Ask about test photos too; val photos alone without it.")
    ] = False,
) -> None:
    """Write a field guide: what each class looks like, what it is taken for, and what tells the two apart."""
    from fieldmark.api import Recognizer
    from fieldmark.progress import say

    written = Recognizer(model).guide(out, data, pairs=pairs, photos=photos, test=test)
    size = out.stat().st_size / 1e6
    say(f"wrote {out}: {len(written.counts)} classes, {len(written.separations)} look-alike pairs, {size:.1f} MB")
