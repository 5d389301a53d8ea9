"""The options that name a group of unknown photos instead of paths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["AnswersOption", "GroupNumberOption", "named_photos"]

AnswersOption = Annotated[
    Path | None,
    typer.Option("--from", metavar="ANSWERS", help="Answers of predict --group-unknown, instead of PATH."),
]
GroupNumberOption = Annotated[int | None, typer.Option("--group", help="The group in ANSWERS whose photos to take.")]


def named_photos(paths: Sequence[Path] | None, answers: Path | None, group: int | None) -> list[Path]:
    """Return the photos of paths and folders, or those of a group; empty if neither is named.

    Raises:
        SettingError: Both are named, or a group is named only in part.
    """
    from fieldmark.catalogue.answered_groups import photos_of_group
    from fieldmark.cli.photo_paths import photo_paths
    from fieldmark.errors import SettingError

    if (answers is None) != (group is None):
        raise SettingError("--from ANSWERS and --group N belong together: give both, or name the photos")
    if answers is None or group is None:
        return list(photo_paths(paths or ()))
    if paths:
        raise SettingError("PATH and --from exclude each other; give one of them")
    return photos_of_group(answers, group)
