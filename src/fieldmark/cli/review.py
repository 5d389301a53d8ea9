"""``fieldmark review``: look at duplicates, suspect labels, leaks and unreadable files, and decide."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fieldmark.cli.data_options import DropLabelOption, GroupColOption, LabelColOption, PathColOption
from fieldmark.cli.page_options import AllowHostOption, HostOption, NoOpenOption, PortOption, TokenOption

__all__ = ["review"]


def review(
    data: Annotated[Path, typer.Argument(help="A folder of class folders, a CSV, or a known data set.")],
    model: Annotated[
        Path | None, typer.Option(help="A model folder that judges the labels; a bundled network if left out.")
    ] = None,
    decisions: Annotated[
        Path | None, typer.Option(help="CSV of decisions, continued if it exists; DATA-decisions.csv if left out.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write the items to this CSV instead, to fill in a spreadsheet.")
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="No embeddings and no doubtful labels.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the folds in which labels are checked.")] = 0,
    path_col: PathColOption = None,
    label_col: LabelColOption = None,
    group_col: GroupColOption = None,
    drop_label: DropLabelOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8010,
    no_open: NoOpenOption = False,
    token: TokenOption = None,
    allow_host: AllowHostOption = None,
) -> None:
    """Decide about duplicates, suspect labels, leaks, small classes and unreadable files, on a page or in a CSV.

    No photo is changed: fit and check take the decisions with --decisions.
    """
    from fieldmark.api import load
    from fieldmark.api import review as open_review
    from fieldmark.atomic import require_place
    from fieldmark.progress import say

    if csv is None:
        from fieldmark.serve.run_page import check_page_host

        check_page_host(host, token or None)
    require_place(csv or decisions or Path("decisions.csv"))
    options = {"path_col": path_col, "label_col": label_col, "group_col": group_col, "drop_labels": drop_label}
    named = {name: value for name, value in options.items() if value}
    session = open_review(data, load(model) if model else None, decisions=decisions, fast=fast, seed=seed, **named)
    progress = session.progress()
    if csv is not None:
        rows = session.write_items(csv)
        say(f"wrote {csv}: {rows:,} photos of {progress.left:,} items, the largest expected gain first")
        say(f"next: fill in the column decision, then fieldmark fit {data} --decisions {csv}")
        return
    from fieldmark.serve.person_page import create_page_app
    from fieldmark.serve.routes.review import router
    from fieldmark.serve.run_page import run_page
    from fieldmark.serve.settings import ServeSettings

    say(f"{progress.left:,} items to decide; decisions go to {session.file}")
    settings = ServeSettings(token=token or None, allowed_hosts=tuple(allow_host or ()))
    create = partial(create_page_app, "review", router, session)
    run_page(create, host=host, port=port, settings=settings, open_browser=not no_open)
    say(f"next: fieldmark fit {data} --decisions {session.file}")
