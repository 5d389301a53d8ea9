"""One test split for all runs, and for each seed one val split for all methods."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from fieldmark.data.prepare import Prepared, prepare
from fieldmark.data.splits import carve
from fieldmark.structures import RecordList

__all__ = ["fingerprint", "prepare_seeds"]


def prepare_seeds(
    records: RecordList, seeds: Sequence[int], *, val_fraction: float, test_fraction: float
) -> dict[int, Prepared]:
    """Seed -> prepared records. The photos are looked at once.

    A test split that the data do not name is carved by seed 0 for all seeds, so that every run answers for the same
    photos. Val is carved from train by the run's own seed, unless the data name it.

    Raises:
        DataError: The photos cannot be trained on.
    """
    first = prepare(records, 0, val_fraction=val_fraction, test_fraction=test_fraction)
    if any(record.split == "val" for record in records):
        return dict.fromkeys(seeds, first)
    base = first.records.like(
        record.with_split("train") if record.split == "val" else record for record in first.records
    )
    carved = {
        seed: carve(base, groups=first.groups, val_fraction=val_fraction, test_fraction=0.0, seed=seed)
        for seed in seeds
    }
    return {seed: replace(first, records=of_seed) for seed, of_seed in carved.items()}


def fingerprint(prepared: Prepared) -> str:
    """Of the contents, labels and splits of all photos: equal for equal data, wherever they lie."""
    records = prepared.records
    rows = sorted(
        (prepared.content_keys[record.path], records.classes[record.label], str(record.split)) for record in records
    )
    return hashlib.blake2b(repr(rows).encode(), digest_size=16).hexdigest()
