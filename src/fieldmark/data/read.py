"""The one place where a path becomes records: recognises the layout and calls its reader."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Protocol

from fieldmark.data.readers import (
    csv_file,
    cub200_2011,
    fgvc_aircraft,
    image_folder,
    inaturalist,
    nabirds,
    oxford_flowers17,
    oxford_flowers102,
    oxford_pets,
    stanford_cars,
    stanford_dogs,
)
from fieldmark.errors import DataError, unknown_name
from fieldmark.structures import RecordList

__all__ = ["READERS", "Reader", "read"]


class Reader(Protocol):
    """What the module of a layout offers."""

    def recognises(self, root: Path) -> bool:
        """Whether `root` has this layout, by the files that are there."""

    def read(self, root: Path) -> RecordList:
        """The records in `root`."""


READERS: dict[str, Reader] = {
    "nabirds": nabirds,
    "cub200_2011": cub200_2011,
    "stanford_cars": stanford_cars,
    "fgvc_aircraft": fgvc_aircraft,
    "oxford_flowers102": oxford_flowers102,
    "oxford_flowers17": oxford_flowers17,
    "stanford_dogs": stanford_dogs,
    "oxford_pets": oxford_pets,
    "inaturalist": inaturalist,
    "csv": csv_file,
    "image_folder": image_folder,
}
"""The readers by layout, the most particular first: the first that recognises a folder reads it."""

_MAX_WRAPPERS = 2


def read(data: str | Path, layout: str | None = None, *, require_files: bool = True) -> RecordList:
    """Read a data set.

    Args:
        data: A folder or a CSV.
        layout: A name out of `READERS`; by default the layout is recognised by the files.
        require_files: Whether at least one of the listed photos has to be on disk. Single missing photos stay
            in the list either way: the check of the data reports them.

    Returns:
        The records, with the classes that their labels count through.

    Raises:
        DataError: There is nothing at `data`, it does not hold what its layout needs, none of its photos is
            on disk, or it has fewer than two classes.
        SettingError: There is no such layout.
    """
    root = Path(data).expanduser()
    if layout is not None and layout not in READERS:
        raise unknown_name("layout", layout, READERS)
    if not root.exists():
        raise _nothing_there(root)
    if root.is_file() and layout != "csv" and not (layout is None and csv_file.recognises(root)):
        raise DataError(f"expected a folder or a .csv file, found the file {root}: give the folder it lies in")
    name, place = _recognise(root, READERS if layout is None else (layout,))
    records = READERS[name].read(place)
    _check_classes(records, root)
    if require_files:
        _check_files(records, root)
    return records


def _recognise(root: Path, layouts: Collection[str]) -> tuple[str, Path]:
    """The first of the layouts that fits, and where it begins: archives often wrap a data set in folders."""
    for place in _wrapped(root):
        for name in layouts:
            # Any folder is an image_folder, so that one has to wait until no place has shown another layout.
            if name != "image_folder" and READERS[name].recognises(place):
                return name, place
    return list(layouts)[-1], root


def _wrapped(root: Path) -> Iterator[Path]:
    """The place itself, then the folder in it as long as that is the only one."""
    yield root
    for _ in range(_MAX_WRAPPERS):
        folders = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
        folders = [path for path in folders if not path.name.startswith((".", "__"))]
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
            f"expected photos of at least two classes in {root}, found {found}: add a folder or CSV rows for "
            "each class to be told apart"
        )


def _check_files(records: RecordList, root: Path) -> None:
    """Raise where not one photo is on disk. No file is looked for where its folder is missing."""
    there = {folder: folder.is_dir() for folder in {record.path.parent for record in records}}
    if any(there[record.path.parent] and record.path.exists() for record in records):
        return
    raise DataError(
        f"expected the {len(records):,} photos that {records.name} lists for {root}, found none on disk (the "
        f"first would be {records[0].path}): put the photos there"
    )
