"""``fieldmark label``: label photos, the most useful first."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fieldmark.cli.page_options import AllowHostOption, HostOption, NoOpenOption, PortOption, TokenOption

__all__ = ["label"]


def label(
    folder: Annotated[Path, typer.Argument(help="A folder of photos without labels.")],
    model: Annotated[Path, typer.Option(help="A model folder that suggests classes and chooses photos.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "--output", help="CSV of labels, continued if it exists; FOLDER-labels.csv if left out."),
    ] = None,
    refit_every: Annotated[int, typer.Option(min=1, help="Labels between two fits of the suggestions.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the choice of photos.")] = 0,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8011,
    no_open: NoOpenOption = False,
    token: TokenOption = None,
    allow_host: AllowHostOption = None,
) -> None:
    """Label photos on a page, the most useful first, with suggestions that improve as labels come in."""
    from fieldmark.api import label as open_labelling
    from fieldmark.api import load
    from fieldmark.atomic import require_place
    from fieldmark.progress import say
    from fieldmark.serve.run_page import check_page_host, run_page
    from fieldmark.serve.settings import ServeSettings

    check_page_host(host, token or None)
    require_place(out or Path("labels.csv"))
    predictor = load(model)
    session = open_labelling(folder, predictor, out=out, refit_every=refit_every, seed=seed)
    from fieldmark.serve.person_page import create_page_app
    from fieldmark.serve.routes.label import Labelling, router

    progress = session.progress()
    say(f"{progress.labelled:,} of {progress.total:,} photos have a label; labels go to {session.file}")
    settings = ServeSettings(token=token or None, allowed_hosts=tuple(allow_host or ()))
    create = partial(create_page_app, "label", router, Labelling(session, predictor))
    run_page(create, host=host, port=port, settings=settings, open_browser=not no_open)
    say(f"next: fieldmark fit {session.file}")
