"""Work on very many photos shard by shard, here or on Ray. What is written is not done again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fieldmark.backbones.runners.device import Device
from fieldmark.progress import track
from fieldmark.scale.photo_shards import Shard, digest_of
from fieldmark.scale.ray_workers import Work, done_on_ray
from fieldmark.scale.result_store import ResultStore

__all__ = ["SHARD", "BulkReport", "Engine", "columns_of", "work_on_shards"]

SHARD = 1024
"""Photos in a part: minutes of work are lost with a worker at most, and files are not too many."""

Engine = Literal["local", "ray"]


@dataclass(frozen=True, slots=True)
class BulkReport:
    """What a run did.

    Attributes:
        photos: Photos that it worked on.
        parts: Parts that are there now.
        earlier: Those of them that an earlier run had written.
        failed: Photos in all parts that could not be read.
        earlier_photos: Photos in the earlier parts.
        is_table: Whether the parts make one table, rather than a file each.
    """

    photos: int
    parts: int
    earlier: int
    failed: int
    earlier_photos: int = 0
    is_table: bool = False


def work_on_shards(
    model: str,
    shards: Sequence[Shard],
    store: ResultStore,
    work: Work[Shard, tuple[int, int]],
    options: Mapping[str, Any],
    *,
    engine: Engine,
    device: Device = "auto",
    cores: int | None = None,
) -> BulkReport:
    """Write the part of each shard that is not there yet.

    Args:
        model: Facts about the model that the parts depend on, as text.
        shards: The photos.
        store: Where parts go; one with parts of the same photos and options is completed.
        work: Writes the part of a shard, and returns its numbers of photos and of photos that could not be read.
        options: What else the parts depend on, by name.
        engine: "local" works in this process, "ray" on the machines of a cluster or all cores of this one.
        device: Where workers compute.
        cores: Cores of each worker of Ray.

    Raises:
        FieldmarkError: The store holds something else or cannot be written, or Ray is not installed.
    """
    job = {"model": _key(model), "photos": digest_of(shards), **options}
    done = store.open(job)
    waiting = [(number, shard) for number, shard in enumerate(shards) if number not in done]
    earlier, failed = store.counts(done)
    parts: Iterator[tuple[int, int]]
    if engine == "ray":
        parts = track(done_on_ray(work, waiting, device, cores), f"writing {store.kind}", total=len(waiting))
    else:
        parts = (work(number, shard) for number, shard in waiting)  # each shard shows its own progress
    photos = 0
    for count, bad in parts:
        photos += count
        failed += bad
    store.finish(job, len(shards))
    return BulkReport(photos, len(shards), len(done), failed, earlier, store.is_table)


def columns_of(shards: Sequence[Shard]) -> tuple[str, ...]:
    """Return the titles of the columns that tables give with their photos."""
    return tuple(dict.fromkeys(title for shard in shards for title in shard.columns))


def _key(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
