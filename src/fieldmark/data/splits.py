"""Carve validation and test photos out of a data set: seeded, stratified, and never through a group."""

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
"""A class with fewer photos to train on gives none of them away."""


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Photos that stay together, all of them in train so far."""

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
    """Give every record a split.

    A split that the data set names is kept as it is. Where it names no test split, one is carved from train;
    then, where it names no validation split, that is carved from what is left of train. Records without a
    split count as train.

    The rules, for each class with n photos in train:

    - n < `MIN_PHOTOS`: all of them stay in train.
    - Otherwise round(n * fraction) photos are wanted, at least one. Groups are drawn in an order that depends
      on nothing but `seed` and the photos' paths inside the data set. Each is taken if that brings the number
      closer to the wanted one; so a class whose groups hold no other classes meets it within half a group.
    - If every group of a class is too large for that, its smallest is taken where half of the class stays.
    - Train keeps at least one photo.
    - A group (a number of `groups` or a `Record.group`) goes as a whole. One that a split of the data set
      already cuts through stays where it is.

    Args:
        records: The photos; their order does not matter.
        groups: A number for each record; photos with equal numbers stay together.
        val_fraction: Share of train that becomes validation, 0 to 0.5; 0 carves none.
        test_fraction: Share of train that becomes test, 0 to 0.5; 0 carves none.
        seed: Another seed, another draw.

    Raises:
        SettingError: A fraction lies outside of 0 to 0.5.
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
    """Groups in which the given ones and those that the data set names (`Record.group`) are joined.

    Returns:
        A number for each record, 0-based.
    """
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
    """A name for each record that is the same wherever the data set lies and in whatever order it is read."""
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
    """The place of a group in a random order that other groups have no part in."""
    first = min(keys)
    return hashlib.blake2b(f"{seed}\0{first}".encode(errors="surrogateescape"), digest_size=16).digest(), first


def _train_sizes(labels: Sequence[int], splits: Sequence[Split]) -> Counter[int]:
    return Counter(label for label, split in zip(labels, splits, strict=True) if split == "train")


def _clusters(labels: Sequence[int], splits: Sequence[Split], joined: Sequence[int]) -> list[_Cluster]:
    """The groups that may move: those that lie in train as a whole."""
    members: defaultdict[int, list[int]] = defaultdict(list)
    for index, number in enumerate(joined):
        members[number].append(index)
    return [
        _Cluster(tuple(indices), Counter(labels[index] for index in indices))
        for indices in members.values()
        if all(splits[index] == "train" for index in indices)
    ]


def _pick(clusters: Sequence[_Cluster], sizes: Mapping[int, int], fraction: float) -> list[_Cluster]:
    """The groups to move out of train, out of `clusters` in the order of the draw."""
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
