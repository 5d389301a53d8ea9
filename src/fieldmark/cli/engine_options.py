"""The options ``--engine`` and ``--cores`` of every verb that can work on a cluster."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

__all__ = ["CoresOption", "EngineOption", "check_engine"]

EngineOption = Annotated[
    Literal["local", "ray"], typer.Option(help="ray works on a cluster, or on all cores of this machine.")
]
CoresOption = Annotated[int | None, typer.Option(min=1, help="Cores of each worker of --engine ray.")]


def check_engine(engine: str, cores: int | None) -> None:
    """Check that the two options go together.

    Raises:
        SettingError: They do not.
    """
    from fieldmark.errors import SettingError

    if cores is not None and engine != "ray":
        raise SettingError("--cores belongs to --engine ray: leave it out, or add the engine")
