"""Prepare records for training: drop unusable photos, group duplicates, assign splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from fieldmark.data.add_corrections import (
    CorrectedPhoto,
    append_corrections,
    choose_corrections,
    correction_findings,
)
from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.photos.pixel_store import PixelStore
from fieldmark.data.quality.duplicates import DuplicatePair, duplicate_groups, exact_duplicates, near_duplicates
from fieldmark.data.quality.findings import Finding, class_findings, photo_findings, worst_first
from fieldmark.data.quality.photo_facts import PhotoFacts, inspect_photos
from fieldmark.data.quality.record_findings import box_findings, group_findings, name_findings, note_findings
from fieldmark.data.quality.split_findings import duplicate_findings, split_findings
from fieldmark.data.splits import TEST_FRACTION, VAL_FRACTION, carve
from fieldmark.errors import DataError
from fieldmark.structures import RecordList, Split

__all__ = ["Prepared", "Survey", "prepare", "survey", "survey_of"]


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

    @property
    def content_keys(self) -> Mapping[Path, str]:
        """Usable file -> hash of its bytes."""
        return {photo.path: photo.content_key or "" for photo in self.facts if photo.usable}

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
        corrections: Number of photos of feedback lists in train.
    """

    photos: PhotoTable
    findings: tuple[Finding, ...]
    left_out: tuple[PhotoFacts, ...]
    corrections: int = 0


def survey(records: RecordList, pixels: PixelStore | None = None, *, unread: Split | None = None) -> Survey:
    """Read every photo once, and find duplicates.

    Args:
        records: Records of a reader.
        pixels: Where to keep the decoded photos for the network that reads them next.
        unread: Split that it does not read.
    """
    stores = [None if record.split is not None and record.split == unread else pixels for record in records]
    return survey_of(
        records, inspect_photos(records.paths, trim_bottom=[record.trim_bottom for record in records], stores=stores)
    )


def survey_of(records: RecordList, facts: Sequence[PhotoFacts]) -> Survey:
    """Return the survey of photos whose files have been read.

    Args:
        records: Records of a reader.
        facts: About the file of each record.
    """
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
    corrections: Sequence[CorrectedPhoto] = (),
    pixels: PixelStore | None = None,
) -> Prepared:
    """Drop unusable photos, group duplicates, and carve the splits that the data set lacks.

    Args:
        records: Records of a reader.
        seed: Seed of the split; see `carve`.
        val_fraction: Share of train that becomes val if the data set has none.
        test_fraction: Share that becomes test if the data set has none.
        corrections: Photos of feedback lists. They join train, see `fieldmark.data.add_corrections`.
        pixels: Where to keep the decoded photos for the first pass of the fit; test photos are not kept.

    Raises:
        DataError: No photo is usable, only one class has usable photos, or a class has too few.
    """
    everything = append_corrections(records, corrections) if corrections else records
    seen = survey(everything, pixels, unread="test")
    _demand_usable(seen)
    own = sum(photo.usable for photo in seen.facts[: len(records)])
    base = seen.records.like(seen.records[:own])
    carved = carve(
        base,
        groups=duplicate_groups(own, [pair for pair in seen.pairs if pair.second < own]),
        val_fraction=val_fraction,
        test_fraction=test_fraction,
        seed=seed,
    )
    held_out = {position for position, record in enumerate(carved) if record.split != "train"}
    chosen = choose_corrections(seen.records, own, len(records.classes), held_out, seen.pairs)
    whole = _joined(seen, records, own, chosen.kept)
    _demand_enough(whole)
    keys = [photo.content_key or "" for photo in whole.facts if photo.usable]
    val_carved = all(record.split != "val" for record in base)
    with_splits = whole.records.like([*carved, *whole.records[own:]])
    photos = PhotoTable.of(with_splits, whole.groups(), keys, val_carved=val_carved, pixels=pixels)
    notes = correction_findings(seen.records, len(records.classes), chosen)
    return Prepared(photos, (*whole.findings(), *notes), whole.left_out, len(chosen.kept))


def _joined(seen: Survey, records: RecordList, own: int, kept: Sequence[int]) -> Survey:
    """Return what `survey` would return for the data set and the corrections that join train.

    Args:
        seen: Survey of the data set and all corrections.
        records: Records of the data set.
        own: How many of them are usable; they come first.
        kept: Positions of the corrections that join train.
    """
    positions = [*range(own), *kept]
    new = {old: position for position, old in enumerate(positions)}
    used = {seen.records[position].label for position in kept}
    labels = [label for label in range(len(seen.records.classes)) if label < len(records.classes) or label in used]
    classes = [seen.records.classes[label] for label in labels]
    added = [
        replace(seen.records[position], split="train", label=labels.index(seen.records[position].label))
        for position in kept
    ]
    usable = [index for index, photo in enumerate(seen.facts) if photo.usable]
    left = set(usable) - {usable[position] for position in positions}
    return Survey(
        records.with_classes([*records, *added], classes),
        tuple(photo for index, photo in enumerate(seen.facts) if index not in left),
        records.with_classes([*seen.records[:own], *added], classes),
        tuple(
            replace(pair, first=new[pair.first], second=new[pair.second])
            for pair in seen.pairs
            if pair.first in new and pair.second in new
        ),
    )


def _demand_usable(seen: Survey) -> None:
    if not seen.records:
        reason = f". The first: {seen.left_out[0].reason}" if seen.left_out else ""
        raise DataError(f"none of the {len(seen.facts):,} photos is usable: add photos to train on{reason}")


def _demand_enough(seen: Survey) -> None:
    records, counts = seen.records, Counter(seen.records.labels)
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
