"""Read a data set: recognise its layout and call its reader. Only here does a path become records."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from pathlib import Path

from fieldmark.data.readers import READERS
from fieldmark.errors import DataError, unknown_name
from fieldmark.structures import RecordList

__all__ = ["FALLBACK", "read"]

FALLBACK = "image_folder"
"""Layout of a folder that no other reader recognises."""

_MAX_WRAPPERS = 2


def read(data: str | Path, layout: str | None = None, *, require_files: bool = True) -> RecordList:
    """Read a data set.

    Args:
        data: A folder or a CSV.
        layout: In `READERS`; by default the layout is recognised by the files.
        require_files: Whether at least one of the listed photos must be on disk. Single missing photos stay in the
            list in any case: the check of the data reports them.

    Returns:
        The records with their classes.

    Raises:
        DataError: There is nothing at `data`, it does not hold what its layout needs, none of its photos is on
            disk, or it has fewer than two classes.
        SettingError: There is no such layout, or an installed package with a reader is broken.
    """
    root = Path(data).expanduser()
    if layout is not None and layout not in READERS:
        raise unknown_name("layout", layout, READERS)
    if not root.exists():
        raise _nothing_there(root)
    found = _recognise(root, list(READERS) if layout is None else [layout])
    if found is None and root.is_file() and layout != "csv":  # any text file may be read as a CSV on request
        raise DataError(f"expected a folder or a .csv file, found the file {root}: give the folder it lies in")
    name, place = found or (layout or FALLBACK, root)
    records = READERS.load(name).read(place)
    _check_classes(records, root)
    if require_files:
        _check_files(records, root)
    return records


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
