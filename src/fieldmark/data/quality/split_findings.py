"""Findings about duplicates and splits of a data set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from fieldmark.data.quality.duplicates import DuplicatePair
from fieldmark.data.quality.findings import Example, Finding, Severity
from fieldmark.structures import RecordList

__all__ = ["PAIR_CODES", "duplicate_findings", "pair_meaning", "split_findings", "unjudged_pairs"]

_KIND_WORDS = {
    "exact": "the same bytes",
    "near": "nearly the same pixels ({:.2f})",
    "mirrored": "nearly the same pixels, mirrored ({:.2f})",
    "embedding": "alike to the network ({:.2f})",
}

_PAIR_TEXTS: dict[str, tuple[Severity, str, str]] = {
    "two_labels": (
        "error",
        "{} of exact copies under two labels",
        "keep each photo only under its correct label",
    ),
    "alike_under_two_labels": (
        "warning",
        "{} of near-duplicates under two labels",
        "look at them: one of the two labels is probably wrong",
    ),
    "exact_duplicates_across_splits": (
        "warning",
        "{} of exact copies in two splits: the test is easier than real use",
        "remove one of each pair; an official split is reported, never changed",
    ),
    "near_duplicates_across_splits": (
        "warning",
        "{} of near-duplicates in two splits: the test is easier than real use",
        "remove one of each pair; an official split is reported, never changed",
    ),
    "exact_duplicates": (
        "note",
        "{} of exact copies",
        "no action needed: copies stay in one split; remove them to save time",
    ),
    "near_duplicates": (
        "note",
        "{} of near-duplicates, such as bursts",
        "no action needed: they stay in one split",
    ),
}
PAIR_CODES = tuple(_PAIR_TEXTS)
"""Codes of the findings about duplicates, the most severe first."""

_MISSED_TEXTS: dict[str, tuple[Severity, str]] = {
    "train": ("error", "move photos of these classes into train, or remove the classes"),
    "val": ("note", "no action needed: the split is used as it is, without these classes"),
    "test": ("note", "add test photos of these classes: otherwise their accuracy cannot be measured"),
}


def duplicate_findings(records: RecordList, pairs: Sequence[DuplicatePair]) -> list[Finding]:
    """Return findings about duplicates.

    A pair counts once, in the most severe finding: two labels, then two splits, then plain duplicates. Pairs about
    which a person has decided do not count.

    Args:
        records: The usable photos.
        pairs: Pairs of indices into `records`.
    """
    sorted_out: defaultdict[str, list[DuplicatePair]] = defaultdict(list)
    for pair in unjudged_pairs(records, pairs):
        sorted_out[pair_meaning(records, pair)].append(pair)
    return [
        Finding(
            code,
            severity,
            message.format(_pairs(len(sorted_out[code]))),
            len(sorted_out[code]),
            action,
            tuple(_example(records, pair) for pair in sorted_out[code]),
        )
        for code, (severity, message, action) in _PAIR_TEXTS.items()
        if code in sorted_out
    ]


def split_findings(records: RecordList) -> Iterator[Finding]:
    """Yield findings about the data set's own splits: missing classes, and groups in several splits."""
    classes_of: defaultdict[str, set[int]] = defaultdict(set)
    splits_of: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        split = record.split or "train"
        classes_of[split].add(record.label)
        if record.group is not None:
            splits_of[record.group].add(split)
    everything = {record.label for record in records}
    for name, (severity, action) in _MISSED_TEXTS.items():
        missed = sorted(everything - classes_of[name]) if name in classes_of else []
        if missed:
            noun = "class has" if len(missed) == 1 else "classes have"
            message = f"{len(missed):,} {noun} no photo in {name}"
            examples = tuple(Example((), records.classes[label]) for label in missed)
            yield Finding(f"{name}_misses_classes", severity, message, len(missed), action, examples)
    cut = sorted(group for group, splits in splits_of.items() if len(splits) > 1)
    if cut:
        yield _cut(cut, splits_of)


def _cut(groups: Sequence[str], splits_of: dict[str, set[str]]) -> Finding:
    noun = "group lies" if len(groups) == 1 else "groups lie"
    return Finding(
        "group_across_splits",
        "warning",
        f"{len(groups):,} {noun} in several splits: the test is easier than real use",
        len(groups),
        "put each group into one split; a split that the data set names is reported, never changed",
        tuple(Example((), f"{group}: {', '.join(sorted(splits_of[group]))}") for group in groups),
    )


def unjudged_pairs(records: RecordList, pairs: Sequence[DuplicatePair]) -> list[DuplicatePair]:
    """Return the pairs without those about both of whose photos a person has decided."""
    judged = records.judged.get("duplicate", frozenset())
    return [pair for pair in pairs if not {records[pair.first].path, records[pair.second].path} <= judged]


def pair_meaning(records: RecordList, pair: DuplicatePair) -> str:
    """Return the code of the finding that a pair belongs to, such as ``two_labels``."""
    first, second = records[pair.first], records[pair.second]
    exact = pair.kind == "exact"
    if first.label != second.label:
        return "two_labels" if exact else "alike_under_two_labels"
    across = (first.split or "train") != (second.split or "train")
    return ("exact" if exact else "near") + "_duplicates" + ("_across_splits" if across else "")


def _example(records: RecordList, pair: DuplicatePair) -> Example:
    photos = [records[pair.first], records[pair.second]]
    labels = dict.fromkeys(records.classes[photo.label] for photo in photos)
    splits = dict.fromkeys(photo.split or "train" for photo in photos)
    words = [_KIND_WORDS[pair.kind].format(pair.similarity)]
    words += [" / ".join(names) for names in (labels, splits) if len(names) > 1]
    return Example(tuple(str(photo.path) for photo in photos), "; ".join(words))


def _pairs(number: int) -> str:
    return f"{number:,} pair" + ("" if number == 1 else "s")
