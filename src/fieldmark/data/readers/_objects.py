"""What readers of detection data share: an annotated object, and the records that many of them become."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from fieldmark.data.photos.photo_files import is_photo
from fieldmark.structures import Box, Note, Record, RecordList, Split

__all__ = ["FoundObject", "left_out_note", "photos_by_stem", "records_of"]


class FoundObject(NamedTuple):
    """One annotated object: its photo, the name of its class, its box (xyxy pixels, 0-based) and its split."""

    path: Path
    label: str
    box: Box | None
    split: Split | None


def records_of(
    objects: Iterable[FoundObject],
    order: Sequence[str],
    *,
    name: str,
    root: Path,
    notes: Sequence[Note] = (),
    ranks: Sequence[str] = (),
    ancestors: Mapping[str, tuple[str, ...]] | None = None,
) -> RecordList:
    """Return one record for each object. Classes are those that have objects, in the order of the data set.

    Splits are dropped if no object is in train: the data set then does not say what to train on.
    """
    found = list(objects)
    used = {one.label for one in found}
    classes = [label for label in dict.fromkeys(order) if label in used]
    numbers = {label: number for number, label in enumerate(classes)}
    keep = any(one.split == "train" for one in found)
    more = [] if keep or all(one.split is None for one in found) else [_train_missing(found)]
    records = [
        Record(
            one.path,
            numbers[one.label],
            one.split if keep else None,
            one.box,
            taxonomy=(ancestors or {}).get(one.label, ()),
        )
        for one in found
    ]
    return RecordList(records, classes, name=name, root=root, ranks=ranks, notes=[*notes, *more])


def left_out_note(code: str, what: str, examples: Sequence[str], action: str) -> list[Note]:
    """Return a note about objects or photos that a reader left out; none if there are none."""
    if not examples:
        return []
    return [Note(code, "note", f"left out {len(examples):,} {what}", len(examples), action, tuple(examples[:3]))]


def photos_by_stem(folder: Path) -> dict[str, Path]:
    """Name without ending -> photo, for the photos that lie directly in a folder."""
    if not folder.is_dir():
        return {}
    return {path.stem: path for path in sorted(folder.iterdir()) if is_photo(path.name)}


def _train_missing(found: Sequence[FoundObject]) -> Note:
    names = sorted({str(one.split) for one in found if one.split})
    message = f"there is no train split, only {' and '.join(names)}: the photos are split anew"
    return Note("train_missing", "warning", message, 1, "add the train split to keep the splits of the data set")
