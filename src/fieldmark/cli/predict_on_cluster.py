"""``fieldmark predict --engine ray``: identify very many photos on a cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fieldmark.errors import SettingError

if TYPE_CHECKING:
    from fieldmark.backbones.runners.device import Device
    from fieldmark.catalogue.answer_queries import AnswerLevels

__all__ = ["predict_on_cluster"]


def predict_on_cluster(
    model: Path,
    names: Sequence[str],
    out: str | None,
    levels: AnswerLevels,
    others: Mapping[str, object],
    *,
    path_col: str | None,
    device: Device,
    cores: int | None,
) -> int:
    """Answer the photos into Parquet files or a Lance table, and return the number of photos that could not be read.

    Args:
        model: The model folder.
        names: Paths or addresses.
        out: Folder or address of the answers.
        levels: Options of the answers.
        others: Options that need all answers in one place, by name; none of them may be given.
        path_col: The column of a table that names the photo.
        device: Where workers compute.
        cores: Cores of each worker.

    Raises:
        SettingError: An option does not go with the engine.
    """
    from fieldmark.api import load
    from fieldmark.cli.bulk_report import say_bulk_report
    from fieldmark.scale.predict_on_ray import predict_on_ray

    given = [name for name, value in others.items() if value not in (None, False)]
    if given:
        raise SettingError(f"--engine ray answers each photo by itself into Parquet or Lance: leave out {given[0]}")
    if out is None:
        raise SettingError(
            "--engine ray needs --out: a folder or address for Parquet files, or a Lance table NAME.lance"
        )
    found = predict_on_ray(
        load(model, device=device), names, out, levels, path_col=path_col, device=device, cores=cores
    )
    say_bulk_report(found, "answered", out)
    return found.failed
