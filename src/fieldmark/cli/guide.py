"""``fieldmark guide``: write an illustrated field guide to the classes of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fieldmark.cli.data_options import DropLabelOption, GroupColOption, LabelColOption, PathColOption
from fieldmark.cli.default_out import default_out

__all__ = ["guide"]


def guide(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    data: Annotated[Path | None, typer.Argument(help="A data set; the model's own if left out.")] = None,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", "--output", help="HTML file to write; MODEL-guide.html if left out.")
    ] = None,
    pairs: Annotated[int, typer.Option(min=0, help="Number of look-alike pairs to show with their photos.")] = 10,
    photos: Annotated[int, typer.Option(min=1, help="Number of photos of each class of a pair to explain.")] = 3,
    lang: Annotated[str, typer.Option(help="Language of the guide: en or zh.")] = "en",
    notes: Annotated[
        list[Path] | None,
        typer.Option(help="File of notes that the page of a guide saved; may be repeated, and notes are joined."),
    ] = None,
    path_col: PathColOption = None,
    label_col: LabelColOption = None,
    group_col: GroupColOption = None,
    drop_label: DropLabelOption = None,
    test: Annotated[bool, typer.Option("--test", help="Use test photos too, not only val photos.")] = False,
) -> None:
    """Write a field guide: each class, the classes it is confused with, and what separates them."""
    from fieldmark.api import Recognizer
    from fieldmark.cli.data_options import read_named
    from fieldmark.cli.first_question import say_first_question
    from fieldmark.progress import say

    out = out or default_out(model, "-guide.html")
    records = read_named(data, path_col, label_col, group_col, drop_label)
    recognizer = Recognizer(model)
    say_first_question(recognizer, "the guide")
    written = recognizer.guide(out, records, pairs=pairs, photos=photos, test=test, lang=lang, notes=notes or ())
    size = out.stat().st_size / 1e6
    shown, every = len(written.separations), len(written.pairs)
    say(f"wrote {out}: {len(written.counts)} classes, {shown} of {every} look-alike pairs, {size:.1f} MB")
    if shown < every:
        say(f"the most alike pairs are shown; for all: --pairs {every}", style="dim")
