"""Read a data set: recognise its layout and call its reader. Only here does a path become records."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Literal

from fieldmark.data.apply_decisions import apply_decisions
from fieldmark.data.class_subset import drop_classes, keep_used_classes
from fieldmark.data.crop_boxes import largest_box_of_each_photo
from fieldmark.data.decisions import read_decisions
from fieldmark.data.photos.photo_files import SYSTEM_FOLDERS, is_folder
from fieldmark.data.readers import READERS
from fieldmark.data.readers._columns import Columns
from fieldmark.errors import DataError, SettingError, unknown_name
from fieldmark.structures import Note, RecordList

__all__ = ["BOXES", "FALLBACK", "READ_OPTIONS", "read"]

FALLBACK = "image_folder"
"""Layout of a folder that no other reader recognises."""

READ_OPTIONS = ("path_col", "label_col", "group_col", "drop_labels")
"""Options of `read` that a model remembers, to read its photos again."""

BOXES = ("each", "largest")
"""Which boxes of a photo become records."""

_MAX_WRAPPERS = 2


def read(
    data: str | Path,
    layout: str | None = None,
    *,
    require_files: bool = True,
    path_col: str | None = None,
    label_col: str | None = None,
    group_col: str | None = None,
    drop_labels: Sequence[str] = (),
    boxes: Literal["each", "largest"] = "largest",
    decisions: str | Path | None = None,
) -> RecordList:
    """Read a data set.

    Args:
        data: A folder or a CSV.
        layout: In `READERS`; by default the layout is recognised by the files.
        require_files: Whether at least one of the listed photos must be on disk. Single missing photos stay in the
            list in any case: the check of the data reports them.
        path_col: The column of a CSV that names the photo, where it has no usual name.
        label_col: The column that names the class. Several, separated by commas, ask several questions about each
            photo: ``species,sex``.
        group_col: The column whose equal values stay in one split, such as a patient.
        drop_labels: Classes to leave out, such as "Not sure"; of the first column, where there are several.
        boxes: Of a photo with several boxes, ``largest`` keeps one record, that of the largest box, because a fit
            reads whole photos. ``each`` keeps a record for each box, for `crop_boxes`.
        decisions: A CSV that ``fieldmark review`` wrote; its new labels and dropped photos are applied.

    Returns:
        The records with their classes.

    Raises:
        DataError: There is nothing at `data`, it does not hold what its layout needs, none of its photos is on
            disk, it has fewer than two classes, or the decisions cannot be read or are about other photos.
        SettingError: There is no such layout or class, columns are named where there is no CSV, or an installed
            package with a reader is broken.
    """
    root = Path(data).expanduser()
    if layout is not None and layout not in READERS:
        raise unknown_name("layout", layout, READERS)
    if not os.path.exists(root):  # noqa: PTH110 - no path is too long or too odd to ask about
        raise _nothing_there(root)
    columns = Columns(path_col, label_col, group_col)
    records = _read_layout(root, layout) if columns == Columns() else _read_table(root, columns)
    if drop_labels:
        records = drop_classes(records, drop_labels)
    if boxes == "largest":
        records = _largest_boxes(records)
    named = zip(READ_OPTIONS, (path_col, label_col, group_col, list(drop_labels)), strict=True)
    records.options = {option: value for option, value in named if value}
    if decisions is not None:
        file = Path(decisions)
        records = apply_decisions(records, read_decisions(file), file)
    _check_classes(records, root)
    if require_files:
        _check_files(records, root)
    return records


def _largest_boxes(records: RecordList) -> RecordList:
    """Keep the largest box of each photo, and note where that hides other classes."""
    kept, mixed = largest_box_of_each_photo(records)
    if len(kept) == len(records):
        return records
    left = len(records) - len(kept)
    message = f"only the largest box of each photo counts: left out {left:,} boxes"
    if mixed:
        message += f"; {mixed:,} photos show objects of several classes"
    action = "make a photo of each box with 'fieldmark crop DATA --out DIR', and use DIR"
    kept.notes = (*kept.notes, Note("several_boxes", "warning" if mixed else "note", message, left, action))
    return keep_used_classes(kept)  # every box of a class may lie beside a larger one


def _read_layout(root: Path, layout: str | None) -> RecordList:
    found = _recognise(root, list(READERS) if layout is None else [layout])
    if found is None and root.is_file() and layout != "csv":  # any text file may be read as a CSV on request
        raise DataError(f"expected a folder or a .csv file, found the file {root}: give the folder it lies in")
    name, place = found or (layout or FALLBACK, root)
    return READERS.load(name).read(place)


def _read_table(root: Path, columns: Columns) -> RecordList:
    """Read the table with the named columns."""
    from fieldmark.data.readers import csv_file

    for place in _wrapped(root):
        if place.is_file() or csv_file.tables_in(place):
            return csv_file.read(place, columns)
    named = next(name for name in (columns.path, columns.label, columns.group) if name is not None)
    raise SettingError(f"expected a CSV with the column '{named}' in {root}, found none: leave the column out")


def _recognise(root: Path, layouts: Collection[str]) -> tuple[str, Path] | None:
    """Find the first layout that fits and where it begins: archives often wrap a data set in folders."""
    for place in _wrapped(root):
        for name in layouts:
            # Any folder may be an image_folder, so it is chosen only where no other layout fits at any place.
            if name != FALLBACK and READERS.load(name).recognises(place):
                return name, place
    return None


def _wrapped(root: Path) -> Iterator[Path]:
    """The place itself, then the folder in it as long as that is the only one."""
    yield root
    for _ in range(_MAX_WRAPPERS):
        folders = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
        folders = [
            path for path in folders if not path.name.startswith(".") and path.name.lower() not in SYSTEM_FOLDERS
        ]
        if len(folders) != 1:
            return
        root = folders[0]
        yield root


def _nothing_there(root: Path) -> DataError:
    beside = [path.name for path in root.parent.iterdir()] if root.parent.is_dir() else []
    close = difflib.get_close_matches(root.name, beside, n=1)
    hint = f"did you mean '{root.with_name(close[0])}'?" if close else "check the path"
    return DataError(f"expected a folder or a CSV at {root}, found nothing: {hint}")


def _check_classes(records: RecordList, root: Path) -> None:
    if len(records.classes) < 2:
        found = f"only '{records.classes[0]}'" if records.classes else "none"
        raise DataError(
            f"expected photos of at least two classes in {root}, found {found}: add a folder or CSV rows for each class"
        )


def _check_files(records: RecordList, root: Path) -> None:
    """Raise where not one photo is on disk. No file is looked for where its folder is missing."""
    there = {folder: is_folder(folder) for folder in {record.path.parent for record in records}}
    if any(there[record.path.parent] and os.path.lexists(record.path) for record in records):
        return
    raise DataError(
        f"expected the {len(records):,} photos that {records.name} lists for {root}, found none on disk (the "
        f"first would be {records[0].path}): put the photos there"
    )
