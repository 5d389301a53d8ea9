"""Check a data set whose photos the machines of a Ray cluster read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Float32s
from fieldmark.check.check_data import report_on
from fieldmark.check.check_report import CheckReport
from fieldmark.check.embed_data import survey_for
from fieldmark.check.inspect_data import Inspection, judge
from fieldmark.data.prepare import survey, survey_of
from fieldmark.data.quality.photo_facts import PhotoFacts
from fieldmark.progress import track
from fieldmark.scale.bulk import SHARD
from fieldmark.scale.ray_workers import done_on_ray
from fieldmark.structures import RecordList

__all__ = ["check_on_ray"]


def check_on_ray(
    records: RecordList, *, deep: bool = True, seed: int = 0, cores: int | None = None, shard: int = SHARD
) -> CheckReport:
    """Return the report of `fieldmark.check.check`; workers open the photos, and compute their embeddings.

    Duplicates and labels are compared here, once all photos are read. 1 KB of each photo comes here, and with `deep`
    another 5 KB.

    Args:
        records: Records from `fieldmark.read`; the photos must have the same paths on all machines.
        deep: See `fieldmark.check.check`.
        seed: Seed of the cross-validation folds.
        cores: Cores of each worker; by default 4, or all where there are fewer.
        shard: Most photos that a worker reads at once.

    Raises:
        FieldmarkError: Ray is not installed, or no machine has so many cores.
    """
    shards = [
        (number, RecordList(records[start : start + shard], records.classes, name=records.name, root=records.root))
        for number, start in enumerate(range(0, len(records), shard))
    ]
    looks = done_on_ray(LookWork(deep), shards, "cpu", cores)
    found = {look.number: look for look in track(looks, "inspecting photos", total=len(shards))}
    ordered = [found[number] for number, _ in shards]
    seen = survey_of(records, [facts for look in ordered for facts in look.facts])
    embeddings = [look.embeddings for look in ordered if look.embeddings is not None]
    inspection = judge(seen, np.concatenate(embeddings), seed=seed) if embeddings else Inspection(seen)
    return report_on(inspection, deep=deep, seed=seed)


@dataclass(frozen=True, slots=True)
class Look:
    """What a worker found in a shard.

    Attributes:
        number: Of the shard.
        facts: About the file of each photo.
        embeddings: (n, D) of the usable ones; None where there are none, or none were asked for.
    """

    number: int
    facts: tuple[PhotoFacts, ...]
    embeddings: Float32s | None


@dataclass(frozen=True, slots=True)
class LookWork:
    """Reads the photos of a shard.

    Attributes:
        deep: Whether to compute embeddings, too.
    """

    deep: bool

    def __call__(self, number: int, shard: RecordList) -> Look:
        if not self.deep:
            return Look(number, survey(shard).facts, None)
        with survey_for(None, shard) as (seen, embed_usable):
            return Look(number, seen.facts, embed_usable() if seen.records else None)
