"""Prepare records for training: drop unusable photos, group duplicates, assign splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.quality.duplicates import DuplicatePair, duplicate_groups, exact_duplicates, near_duplicates
from fieldmark.data.quality.findings import Finding, class_findings, photo_findings, worst_first
from fieldmark.data.quality.photo_facts import PhotoFacts, inspect_photos
from fieldmark.data.quality.record_findings import box_findings, group_findings, name_findings, note_findings
from fieldmark.data.quality.split_findings import duplicate_findings, split_findings
from fieldmark.data.splits import TEST_FRACTION, VAL_FRACTION, carve
from fieldmark.errors import DataError
from fieldmark.structures import RecordList

__all__ = ["Prepared", "Survey", "prepare", "survey"]


@dataclass(frozen=True)
class Survey:
    """Findings from reading every photo once.

    Attributes:
        everything: All records of the reader.
        facts: Facts about the file of each record.
        records: The usable records, in the same order and with the same splits.
        pairs: Duplicates, as indices into `records`.
    """

    everything: RecordList
    facts: tuple[PhotoFacts, ...]
    records: RecordList
    pairs: tuple[DuplicatePair, ...]

    @property
    def left_out(self) -> tuple[PhotoFacts, ...]:
        """The unusable files; each has a `reason`."""
        return tuple(photo for photo in self.facts if not photo.usable)

    def groups(self, more: Iterable[DuplicatePair] = ()) -> list[int]:
        """Return a group number for each of `records`; duplicates share a number."""
        return duplicate_groups(len(self.records), [*self.pairs, *more])

    def findings(self, more: Iterable[DuplicatePair] = ()) -> list[Finding]:
        """Return all findings, the worst first.

        Args:
            more: Further duplicates, such as those that embeddings show. Known ones count once.
        """
        known = {(pair.first, pair.second) for pair in self.pairs}
        fresh = [pair for pair in more if (pair.first, pair.second) not in known]
        good = [photo for photo in self.facts if photo.usable]
        return worst_first(
            [
                *note_findings(self.everything),
                *photo_findings(self.facts),
                *name_findings(self.records),
                *box_findings(self.records, good),
                *group_findings(self.records),
                *class_findings(self.records),
                *duplicate_findings(self.records, [*self.pairs, *fresh]),
                *split_findings(self.records),
            ]
        )


@dataclass(frozen=True)
class Prepared:
    """The photos of a fit, and the findings about them.

    Attributes:
        photos: The usable photos; each has a split and a role.
        findings: Findings for the user, the worst first.
        left_out: The unusable files; each has a `reason`.
    """

    photos: PhotoTable
    findings: tuple[Finding, ...]
    left_out: tuple[PhotoFacts, ...]


def survey(records: RecordList) -> Survey:
    """Read every photo once, and find duplicates."""
    facts = inspect_photos(records.paths, trim_bottom=[record.trim_bottom for record in records])
    usable = [index for index, photo in enumerate(facts) if photo.usable]
    good = [facts[index] for index in usable]
    return Survey(
        records,
        tuple(facts),
        records.like(records[index] for index in usable),
        (*exact_duplicates(good), *near_duplicates(good)),
    )


def prepare(
    records: RecordList,
    seed: int = 0,
    *,
    val_fraction: float = VAL_FRACTION,
    test_fraction: float = TEST_FRACTION,
) -> Prepared:
    """Drop unusable photos, group duplicates, and carve the splits that the data set lacks.

    Args:
        records: Records of a reader.
        seed: Seed of the split; see `carve`.
        val_fraction: Share of train that becomes val if the data set has none.
        test_fraction: Share that becomes test if the data set has none.

    Raises:
        DataError: No photo is usable, only one class has usable photos, or a class has too few.
    """
    seen = survey(records)
    _demand_enough(seen)
    groups = seen.groups()
    carved = carve(seen.records, groups=groups, val_fraction=val_fraction, test_fraction=test_fraction, seed=seed)
    keys = [photo.content_key or "" for photo in seen.facts if photo.usable]
    val_carved = all(record.split != "val" for record in seen.records)
    photos = PhotoTable.of(carved, groups, keys, val_carved=val_carved)
    return Prepared(photos, tuple(seen.findings()), seen.left_out)


def _demand_enough(seen: Survey) -> None:
    records, counts = seen.records, Counter(seen.records.labels)
    if not records:
        reason = f". The first: {seen.left_out[0].reason}" if seen.left_out else ""
        raise DataError(f"none of the {len(seen.facts):,} photos is usable: add photos to train on{reason}")
    if len(counts) == 1:
        name = records.classes[records[0].label]
        raise DataError(f"only the class '{name}' has usable photos, but at least two classes are needed: add a class")
    few = [label for label in range(len(records.classes)) if counts[label] < 2]
    if few:
        raise DataError(
            f"every class needs at least two usable photos, but found {_shown(seen, few)}:"
            " add photos, or remove these classes"
        )
    training = {record.label for record in records if record.split in (None, "train")}
    untrained = [label for label in counts if label not in training]
    if untrained:
        name = records.classes[min(untrained)]
        raise DataError(
            f"the class '{name}' has no photos in train, only in other splits:"
            " move some of them into train, or remove the class"
        )


def _shown(seen: Survey, labels: Sequence[int], limit: int = 3) -> str:
    """Return the number of usable photos of some classes, such as ``1 of 'Iris' (2 left out), 0 of 'Rose'``."""
    counts = Counter(seen.records.labels)
    read = Counter(seen.everything.labels)
    shown = []
    for label in labels[:limit]:
        left_out = read[label] - counts[label]
        shown.append(
            f"{counts[label]} of '{seen.records.classes[label]}'" + (f" ({left_out} left out)" if left_out else "")
        )
    return ", ".join(shown) + (f", … {len(labels)} classes in all" if len(labels) > limit else "")
