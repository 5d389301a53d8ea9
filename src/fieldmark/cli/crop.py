"""``fieldmark crop``: a data set of crops from the boxes of another one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from fieldmark.cli.data_options import DropLabelOption, GroupColOption, LabelColOption, PathColOption

__all__ = ["crop"]


def crop(
    data: Annotated[Path, typer.Argument(help="Data with boxes: COCO, Pascal VOC, YOLO, a CSV, a known data set.")],
    out: Annotated[Path, typer.Option("--out", "--output", help="New folder for the crops and labels.csv.")],
    boxes: Annotated[str, typer.Option(help="each: a crop for each box; largest: one for each photo.")] = "each",
    margin: Annotated[float, typer.Option(min=0.0, help="Share of the box that is added on each side.")] = 0.1,
    min_side: Annotated[int, typer.Option(min=1, help="Leave out boxes with a shorter side, in pixels.")] = 16,
    path_col: PathColOption = None,
    label_col: LabelColOption = None,
    group_col: GroupColOption = None,
    drop_label: DropLabelOption = None,
) -> None:
    """Cut the boxes out of photos: one photo for each object. Exits with 1 if some cannot be read."""
    from fieldmark.data.crop_boxes import crop_boxes
    from fieldmark.data.read import BOXES, read
    from fieldmark.errors import unknown_name
    from fieldmark.progress import say

    if boxes not in BOXES:
        raise unknown_name("choice of boxes", boxes, BOXES)
    records = read(
        data,
        boxes=cast(Literal["each", "largest"], boxes),
        path_col=path_col,
        label_col=label_col,
        group_col=group_col,
        drop_labels=drop_label or (),
    )
    for note in records.notes:
        say(f"note: {note.message}")
    made = crop_boxes(records, out, margin=margin, min_side=min_side)
    say(f"{made.written:,} crops of {len(records.classes)} classes in {out}")
    if made.too_small:
        say(f"left out {made.too_small:,} boxes with a side below {min_side} pixels; --min-side changes the limit")
    if made.without_box:
        say(f"left out {made.without_box:,} photos without a box")
    for path, reason in made.errors.items():
        say(f"not read: {path}: {reason}")
    say(f"next: fieldmark check {out}")
    if made.errors:
        raise typer.Exit(1)
