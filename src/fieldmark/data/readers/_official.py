"""The published sizes of known data sets: a damaged download must not pass for the benchmark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from fieldmark.errors import DataError
from fieldmark.structures import RecordList, Split

__all__ = ["check_official"]

_NEARLY = 0.05
"""A set with all its classes whose size is this near to the published one means to be the published one."""


def check_official(records: RecordList, *, classes: int, sizes: Mapping[Split, int]) -> RecordList:
    """Hold a complete set against its published split sizes; subsets and sets of one's own pass.

    A drawn set (`fieldmark_synth`) may have any size; it is known by its list of field marks.

    Args:
        records: What was read.
        classes: The published number of classes.
        sizes: The published number of photos in each split.

    Raises:
        DataError: All classes and nearly all photos are there, but the splits are not the published ones.
    """
    total = sum(sizes.values())
    drawn = records.root is not None and (records.root / "field_marks.json").is_file()
    complete = not drawn and len(records.classes) == classes and abs(len(records) - total) <= _NEARLY * total
    found = Counter(record.split for record in records)
    if complete and found != Counter(sizes):
        raise DataError(
            f"expected {_listed(sizes)} photos in a complete {records.name}, found {_listed(found)}: "
            "download its annotation files again, or describe a selection of your own in a CSV"
        )
    return records


def _listed(sizes: Mapping[Any, int]) -> str:
    order = ("train", "val", "test", None)
    return ", ".join(f"{sizes[split]:,} {split or 'unsplit'}" for split in order if sizes.get(split))
