"""``fieldmark embed``: write the embeddings of photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fieldmark.cli.data_options import FilesFromOption, PathColOption
from fieldmark.cli.device_option import DeviceOption
from fieldmark.cli.engine_options import CoresOption, EngineOption, check_engine

__all__ = ["embed"]


def embed(
    model: Annotated[Path, typer.Argument(help="A model folder.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH...", help="Photos, folders, a CSV or Parquet table, or - for a list."),
    ] = None,
    files_from: FilesFromOption = None,
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "--output",
            help="Folder or address of the Parquet files, or a Lance table NAME.lance; an unfinished one is completed.",
        ),
    ] = "embeddings",
    path_col: PathColOption = None,
    engine: EngineOption = "local",
    cores: CoresOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Write the embeddings of photos as Parquet or Lance. Exits with 1 if some cannot be read."""
    from fieldmark.api import load
    from fieldmark.catalogue.queries import read_list
    from fieldmark.cli.bulk_report import say_bulk_report
    from fieldmark.errors import SettingError
    from fieldmark.scale.embed_photos import embed_photos

    check_engine(engine, cores)
    names = [*(paths or ()), *(read_list(files_from) if files_from else ())]
    if not names:
        raise SettingError("expected photos to embed, but got none: give PATH or --files-from")
    recognizer = load(model, device=device)
    found = embed_photos(recognizer, names, out, path_col=path_col, engine=engine, device=device, cores=cores)
    say_bulk_report(found, "embedded", out)
    if found.failed:
        raise typer.Exit(1)
