"""Add the photos of feedback lists to the train photos of a data set.

They never join val or test, and they do not change which photos of the data set are held out. A correction whose photo
is a near-duplicate of a val or test photo is left out: a model that learned from it would know the answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fieldmark.data.label_names import find_label
from fieldmark.data.quality.duplicates import DuplicatePair
from fieldmark.data.quality.findings import Example, Finding
from fieldmark.structures import Record, RecordList

__all__ = ["CorrectedPhoto", "append_corrections", "choose_corrections", "correction_findings"]

_LEAST = 2
"""Photos that a class needs, as in `fieldmark.data.prepare`."""


@dataclass(frozen=True, slots=True)
class CorrectedPhoto:
    """A photo of a feedback list, and its correct class."""

    path: Path
    label: str


@dataclass(frozen=True, slots=True)
class ChosenCorrections:
    """Which corrections join train.

    Attributes:
        kept: Their positions among the usable records.
        held_out: Positions of near-duplicates of val and test photos.
        alone: Name of a new class -> its positions, too few to learn from.
    """

    kept: tuple[int, ...]
    held_out: tuple[int, ...]
    alone: dict[str, tuple[int, ...]]


def append_corrections(records: RecordList, corrections: Iterable[CorrectedPhoto]) -> RecordList:
    """Return the records and behind them those of the corrections; new classes follow the classes of the data.

    Of several corrections of one file the last one counts. A name that looks like that of a class means that class.
    """
    labels: dict[Path, str] = {}
    classes = list(records.classes)
    for one in corrections:
        label = find_label(one.label, classes) or one.label
        if label not in classes:
            classes.append(label)
        labels[one.path] = label
    index = {name: number for number, name in enumerate(classes)}
    taxonomy = {record.label: record.taxonomy for record in records}
    added = [Record(path, index[label], taxonomy=taxonomy.get(index[label], ())) for path, label in labels.items()]
    return records.with_classes([*records, *added], classes)


def choose_corrections(
    records: RecordList, count: int, num_classes: int, held_out: Collection[int], pairs: Iterable[DuplicatePair]
) -> ChosenCorrections:
    """Choose the corrections that may join train.

    Args:
        records: The usable records; those from position `count` on are corrections.
        count: Number of usable records of the data set.
        num_classes: Number of classes of the data set; labels from there on are new classes.
        held_out: Positions of the val and test photos of the data set.
        pairs: Duplicates, as positions.
    """
    leaks = {pair.second for pair in pairs if pair.first in held_out and pair.second >= count}
    rest = [position for position in range(count, len(records)) if position not in leaks]
    sizes = Counter(records[position].label for position in rest)
    few = {label for label, size in sizes.items() if label >= num_classes and size < _LEAST}
    alone = {
        records.classes[label]: tuple(position for position in rest if records[position].label == label)
        for label in sorted(few)
    }
    kept = tuple(position for position in rest if records[position].label not in few)
    return ChosenCorrections(kept, tuple(sorted(leaks)), alone)


def correction_findings(records: RecordList, num_classes: int, chosen: ChosenCorrections) -> list[Finding]:
    """Return what became of the corrections, as notes."""
    new = {records.classes[records[position].label] for position in chosen.kept} - set(records.classes[:num_classes])
    found = []
    if chosen.kept:
        named = f"; new: {', '.join(sorted(new))}" if new else ""
        found.append(
            Finding(
                "corrections",
                "note",
                f"{_count(len(chosen.kept))} of feedback lists added to train{named}",
                len(chosen.kept),
                "no action needed: val and test stay as they are",
                _examples(records, chosen.kept),
            )
        )
    if chosen.held_out:
        found.append(
            Finding(
                "corrections_like_held_out_photos",
                "note",
                f"{_count(len(chosen.held_out))} left out: near-duplicates of val or test photos",
                len(chosen.held_out),
                "no action needed: a model that learned from them could not be measured",
                _examples(records, chosen.held_out),
            )
        )
    if chosen.alone:
        positions = [position for several in chosen.alone.values() for position in several]
        found.append(
            Finding(
                "corrections_of_small_classes",
                "note",
                f"{_count(len(positions))} left out: new classes with a single photo ({', '.join(chosen.alone)})",
                len(positions),
                f"correct at least {_LEAST} photos of each new class",
                _examples(records, positions),
            )
        )
    return found


def _examples(records: RecordList, positions: Sequence[int]) -> tuple[Example, ...]:
    return tuple(Example((str(records[one].path),), records.classes[records[one].label]) for one in positions)


def _count(number: int) -> str:
    return f"{number:,} correction{'' if number == 1 else 's'}"
