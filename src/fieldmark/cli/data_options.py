"""The options of every command that reads a data set: columns of a table, and labels to leave out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from fieldmark.structures import RecordList

__all__ = [
    "DecisionsOption",
    "DropLabelOption",
    "FilesFromOption",
    "GroupColOption",
    "LabelColOption",
    "PathColOption",
    "read_named",
]

PathColOption = Annotated[str | None, typer.Option(help="The column of a CSV that names the photo.")]
FilesFromOption = Annotated[
    str | None, typer.Option(metavar="FILE", help="Read more paths from this file, one on each line; - is stdin.")
]
LabelColOption = Annotated[
    str | None, typer.Option(help="The column that names the class; species,sex asks two questions.")
]
GroupColOption = Annotated[str | None, typer.Option(help="The column whose equal values stay in one split.")]
DropLabelOption = Annotated[list[str] | None, typer.Option(help="A class to leave out; may be repeated.")]
DecisionsOption = Annotated[
    Path | None, typer.Option(help="CSV of decisions that review wrote: new labels and dropped photos.")
]


def read_named(
    data: Path | None,
    path_col: str | None,
    label_col: str | None,
    group_col: str | None,
    drop_label: list[str] | None,
    decisions: Path | None = None,
) -> Path | RecordList | None:
    """Read the data set with the named columns and decisions; where none is named, return `data` itself.

    Raises:
        DataError: The data cannot be read.
        SettingError: Columns or labels are named, but no data.
    """
    from fieldmark.data.read import read
    from fieldmark.errors import SettingError

    named: dict[str, Any] = {
        "path_col": path_col,
        "label_col": label_col,
        "group_col": group_col,
        "decisions": decisions,
    }
    named = {name: value for name, value in named.items() if value is not None}
    if not named and not drop_label:
        return data
    if data is None:
        raise SettingError("columns and labels to drop belong to a data set, but none was given: name DATA, too")
    return read(data, drop_labels=drop_label or (), **named)
