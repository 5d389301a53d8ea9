"""The photos that teach and measure a further question, out of the one table that all questions share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from fieldmark.arrays import Ints
from fieldmark.data.photo_table import PhotoTable
from fieldmark.errors import DataError

__all__ = ["AskedPhotos", "ask"]

_FEWEST = 2
"""A class of fewer photos cannot be learned and measured."""


@dataclass(frozen=True, slots=True)
class AskedPhotos:
    """The photos with a label for one question. Splits, roles and groups are those of the whole table.

    Attributes:
        photos: Their labels and classes are those of the question.
        rows: Their rows in the whole table, (n,).
        unlabelled: Number of photos without a label.
        left_out: Class that is not learned -> number of its photos.
    """

    photos: PhotoTable
    rows: Ints
    unlabelled: int
    left_out: dict[str, int]

    @property
    def name(self) -> str:
        return self.photos.records.label_name

    @property
    def summary(self) -> str:
        """The counts, as one line."""
        records = self.photos.records
        splits = ", ".join(f"{len(records.of_split(split))} {split}" for split in ("train", "val", "test"))
        line = f"question '{self.name}': {len(records):,} photos of {len(self.photos.classes)} classes: {splits}"
        return f"{line}; {self.unlabelled:,} photos have no label" if self.unlabelled else line


def ask(photos: PhotoTable, number: int) -> AskedPhotos:
    """Return the photos that answer a further question. Classes without a train photo, or with one photo, are left out.

    Args:
        photos: The whole table, with splits.
        number: Index into `RecordList.further`.

    Raises:
        DataError: Fewer than two classes remain.
    """
    labels = photos.records.labels_of(number)
    rows = np.array([row for row, label in enumerate(labels) if label is not None], dtype=np.int64)
    asked = replace(photos.take(rows), records=photos.records.asking(number))
    name, classes = asked.records.label_name, asked.classes
    counts, taught = Counter(asked.records.labels), Counter(asked.of_role("train").records.labels)
    kept = [label for label in range(len(classes)) if counts[label] >= _FEWEST and taught[label]]
    if len(kept) < 2:
        raise DataError(
            f"the question '{name}' needs two classes with photos in train, but has {len(kept)}: "
            "label more photos, or leave the column out of --label-col"
        )
    left_out = {classes[label]: count for label, count in sorted(counts.items()) if label not in kept}
    if not left_out:
        return AskedPhotos(asked, rows, len(photos) - len(rows), {})
    new = {old: label for label, old in enumerate(kept)}
    stay = np.flatnonzero(np.isin(asked.labels, kept))
    taken = asked.take(stay)
    records = taken.records.with_classes(
        (replace(record, label=new[record.label]) for record in taken.records), [classes[label] for label in kept]
    )
    return AskedPhotos(replace(taken, records=records), rows[stay], len(photos) - len(rows), left_out)
