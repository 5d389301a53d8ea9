"""From records as they were read to records that can be trained on: bad photos out, duplicates kept together."""

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
    """What one look at every photo shows.

    Attributes:
        everything: The records as they were read.
        facts: What was found in the file of each.
        records: The usable ones among them, in their order, their splits as they were.
        pairs: Duplicates, as indices into `records`.
    """

    everything: RecordList
    facts: tuple[PhotoFacts, ...]
    records: RecordList
    pairs: tuple[DuplicatePair, ...]

    @property
    def left_out(self) -> tuple[PhotoFacts, ...]:
        """The bad files; each has a `reason`."""
        return tuple(photo for photo in self.facts if not photo.usable)

    def groups(self, more: Iterable[DuplicatePair] = ()) -> list[int]:
        """A number for each of `records`; photos with equal numbers show the same moment."""
        return duplicate_groups(len(self.records), [*self.pairs, *more])

    def findings(self, more: Iterable[DuplicatePair] = ()) -> list[Finding]:
        """Return all findings, the worst first.

        Args:
            more: Further duplicates, such as embeddings find; those that are known already count once.
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
    """The photos of a fit, and what was found in them.

    Attributes:
        photos: The usable ones; each has a split and a role.
        findings: What a person should know, the worst first.
        left_out: The files that could not be used; each has a `reason`.
    """

    photos: PhotoTable
    findings: tuple[Finding, ...]
    left_out: tuple[PhotoFacts, ...]


def survey(records: RecordList) -> Survey:
    """Read every photo once and compare each with each."""
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
    """Leave out bad photos, keep duplicates together, carve the splits that the data set does not name.

    Args:
        records: What a reader gave.
        seed: Decides which photos become validation and test; see `carve`.
        val_fraction: Share of train that becomes validation where the data set has none.
        test_fraction: Share that becomes test where the data set has none.

    Raises:
        DataError: No photo is usable, only one class has any, or a class has too few.
    """
    seen = survey(records)
    _demand_enough(seen)
    groups = seen.groups()
    carved = carve(seen.records, groups=groups, val_fraction=val_fraction, test_fraction=test_fraction, seed=seed)
    keys = [photo.content_key or "" for photo in seen.facts if photo.usable]
    return Prepared(PhotoTable.of(carved, groups, keys), tuple(seen.findings()), seen.left_out)


def _demand_enough(seen: Survey) -> None:
    records, counts = seen.records, Counter(seen.records.labels)
    if not records:
        reason = f"; the first: {seen.left_out[0].reason}" if seen.left_out else ""
        raise DataError(f"expected photos to train on, found none usable among {len(seen.facts):,}{reason}")
    if len(counts) == 1:
        name = records.classes[records[0].label]
        raise DataError(f"expected usable photos of at least two classes, found only '{name}': add another class")
    few = [label for label in range(len(records.classes)) if counts[label] < 2]
    if few:
        raise DataError(
            f"expected at least two usable photos of every class, found {_shown(seen, few)}:"
            " add photos, or take out what has no more"
        )
    training = {record.label for record in records if record.split in (None, "train")}
    untrained = [label for label in counts if label not in training]
    if untrained:
        name = records.classes[min(untrained)]
        raise DataError(
            f"expected photos to train on for every class, found '{name}' only in other splits:"
            " move some of them into train, or take the class out"
        )


def _shown(seen: Survey, labels: Sequence[int], limit: int = 3) -> str:
    """How many usable photos some classes have, such as ``1 of 'Iris' (2 left out), 0 of 'Rose'``."""
    counts = Counter(seen.records.labels)
    read = Counter(seen.everything.labels)
    shown = []
    for label in labels[:limit]:
        left_out = read[label] - counts[label]
        shown.append(
            f"{counts[label]} of '{seen.records.classes[label]}'" + (f" ({left_out} left out)" if left_out else "")
        )
    return ", ".join(shown) + (f", … {len(labels)} classes in all" if len(labels) > limit else "")
