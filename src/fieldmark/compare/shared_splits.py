"""One test split for all runs, and one val split for each seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.prepare import Prepared, prepare
from fieldmark.data.splits import carve
from fieldmark.structures import RecordList

__all__ = ["prepare_seeds"]


def prepare_seeds(
    records: RecordList, seeds: Sequence[int], *, val_fraction: float, test_fraction: float
) -> dict[int, Prepared]:
    """Return seed -> prepared photos. Every file is read once.

    If the data name no test split, seed 0 carves one for all seeds, so that all runs are tested on the same photos.
    If the data name no val split, each run's own seed carves it from train.

    Raises:
        DataError: The photos cannot be trained on.
    """
    first = prepare(records, 0, val_fraction=val_fraction, test_fraction=test_fraction)
    if any(record.split == "val" for record in records):
        return dict.fromkeys(seeds, first)
    photos = first.photos
    base = photos.records.like(
        record.with_split("train") if record.split == "val" else record for record in photos.records
    )
    carved = {
        seed: carve(base, groups=photos.groups, val_fraction=val_fraction, test_fraction=0.0, seed=seed)
        for seed in seeds
    }
    return {
        seed: replace(first, photos=PhotoTable.of(records, photos.groups, photos.content_keys, val_carved=True))
        for seed, records in carved.items()
    }
