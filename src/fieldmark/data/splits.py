"""Carve val and test photos out of a data set: seeded, stratified, groups kept together."""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fieldmark.errors import SettingError
from fieldmark.structures import RecordList, Split

__all__ = ["MIN_PHOTOS", "TEST_FRACTION", "VAL_FRACTION", "carve", "join_groups"]

VAL_FRACTION = 0.1
TEST_FRACTION = 0.2
MIN_PHOTOS = 3
"""A class with fewer train photos keeps all of them in train."""


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Photos that must stay in one split; all of them are in train so far."""

    members: tuple[int, ...]
    counts: Mapping[int, int]
    """Photos of each label."""


def carve(
    records: RecordList,
    *,
    groups: Sequence[int],
    val_fraction: float = VAL_FRACTION,
    test_fraction: float = TEST_FRACTION,
    seed: int = 0,
) -> RecordList:
    """Assign a split to every record.

    Splits of the data set are kept. If it has no test split, one is carved from train. If it has no val split, one
    is then carved from the rest of train. Records without a split count as train.

    The rules, for each class with n photos in train:

    - n < `MIN_PHOTOS`: all photos stay in train.
    - Otherwise the target is round(n * fraction) photos, at least one. Groups are drawn in an order that depends
      only on `seed` and the photos' paths inside the data set. A group is taken if that brings the number closer to
      the target. So a class whose groups contain no other classes meets its target within half a group.
    - If every group of a class is too large for that, the smallest is taken if half of the class stays in train.
    - Train keeps at least one photo.
    - A group (a number of `groups` or a `Record.group`) moves as a whole. A group that the data set's own splits
      already divide does not move.

    Args:
        records: The photos; their order does not matter.
        groups: A number for each record; photos with equal numbers stay together.
        val_fraction: Share of train that becomes val, 0 to 0.5; 0 carves none.
        test_fraction: Share of train that becomes test, 0 to 0.5; 0 carves none.
        seed: Seed of the draw.

    Raises:
        SettingError: A fraction is not between 0 and 0.5.
    """
    for name, fraction in (("val_fraction", val_fraction), ("test_fraction", test_fraction)):
        if not 0 <= fraction <= 0.5:
            raise SettingError(f"{name} must lie between 0 and 0.5, but is {fraction}")
    named = {record.split for record in records}
    splits: list[Split] = [record.split or "train" for record in records]
    joined = join_groups(records, groups)
    keys = _keys(records)
    wanted: tuple[tuple[Split, float], ...] = (("test", test_fraction), ("val", val_fraction))
    for split, fraction in wanted:
        if split not in named and fraction > 0:
            clusters = _clusters(records.labels, splits, joined)
            clusters.sort(key=lambda cluster: _draw(f"{seed} {split}", [keys[k] for k in cluster.members]))
            for cluster in _pick(clusters, _train_sizes(records.labels, splits), fraction):
                for index in cluster.members:
                    splits[index] = split
    return records.like(record.with_split(split) for record, split in zip(records, splits, strict=True))


def join_groups(records: RecordList, groups: Sequence[int]) -> list[int]:
    """Return a 0-based group number for each record, from the given groups joined with those of `Record.group`."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if len(groups) != len(records):
        raise ValueError(f"expected a group for each of {len(records)} records, got {len(groups)}")
    first_of: dict[int | str, int] = {}
    edges = [
        (index, first_of.setdefault(group, index))
        for index, record in enumerate(records)
        for group in (groups[index], record.group)
        if group is not None
    ]
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2)
    links = coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(records), len(records)))
    return [int(number) for number in connected_components(links, directed=False)[1]]


def _keys(records: RecordList) -> list[str]:
    """Return a key for each record that depends neither on the data set's location nor on the reading order."""
    paths = [os.path.normpath(record.path.absolute()) for record in records]
    try:
        start = len(os.path.commonpath({str(Path(path).parent) for path in paths}))
    except ValueError:  # no photos, or several drives
        start = 0
    return [
        f"{path[start:].replace(os.sep, '/').lstrip('/')}\0{records.classes[record.label]}"
        for path, record in zip(paths, records, strict=True)
    ]


def _draw(seed: str, keys: Sequence[str]) -> tuple[bytes, str]:
    """Return the sort key of a group in a random order; other groups do not affect it."""
    first = min(keys)
    return hashlib.blake2b(f"{seed}\0{first}".encode(errors="surrogateescape"), digest_size=16).digest(), first


def _train_sizes(labels: Sequence[int], splits: Sequence[Split]) -> Counter[int]:
    return Counter(label for label, split in zip(labels, splits, strict=True) if split == "train")


def _clusters(labels: Sequence[int], splits: Sequence[Split], joined: Sequence[int]) -> list[_Cluster]:
    """Return the groups that may move: those that lie completely in train."""
    members: defaultdict[int, list[int]] = defaultdict(list)
    for index, number in enumerate(joined):
        members[number].append(index)
    return [
        _Cluster(tuple(indices), Counter(labels[index] for index in indices))
        for indices in members.values()
        if all(splits[index] == "train" for index in indices)
    ]


def _pick(clusters: Sequence[_Cluster], sizes: Mapping[int, int], fraction: float) -> list[_Cluster]:
    """Return the groups to move out of train; `clusters` are in the order of the draw."""
    missing = {label: _wanted(size, fraction) for label, size in sizes.items()}
    left = dict(sizes)
    picked: list[_Cluster] = []

    def take(cluster: _Cluster) -> None:
        picked.append(cluster)
        for label, count in cluster.counts.items():
            missing[label] -= count
            left[label] -= count

    untouched = {label for label, count in missing.items() if count == 0}
    movable = [cluster for cluster in clusters if untouched.isdisjoint(cluster.counts)]
    passed = []
    for cluster in movable:
        closer = sum(
            ((missing[label] - count) ** 2 - missing[label] ** 2) / sizes[label]
            for label, count in cluster.counts.items()
        )
        if closer < 0 and all(left[label] > count for label, count in cluster.counts.items()):
            take(cluster)
        else:
            passed.append(cluster)
    for label in sorted(missing.keys() - untouched):
        if left[label] < sizes[label]:
            continue
        halved = [
            cluster
            for cluster in passed
            if label in cluster.counts
            and all(2 * (left[other] - count) >= sizes[other] for other, count in cluster.counts.items())
        ]
        if halved:
            take(min(halved, key=lambda cluster: len(cluster.members)))
    return picked


def _wanted(size: int, fraction: float) -> int:
    return 0 if size < MIN_PHOTOS else max(1, math.floor(size * fraction + 0.5))
