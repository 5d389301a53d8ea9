"""Check a data set before training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from fieldmark.arrays import Float32s
from fieldmark.check.check_report import CheckReport, count_splits
from fieldmark.check.label_errors import label_suspects
from fieldmark.check.source_gap import SourceGap, source_gap
from fieldmark.data.prepare import Survey, survey
from fieldmark.data.quality.duplicates import DuplicatePair, embedding_duplicates
from fieldmark.data.quality.findings import Example, Finding, worst_first
from fieldmark.data.splits import join_groups
from fieldmark.evaluation.label_suspects import Suspect
from fieldmark.structures import RecordList

__all__ = ["Embed", "check"]


class Embed(Protocol):
    """A function from photos to embeddings, such as `fieldmark.backbones.frozen_features.embed`."""

    def __call__(self, paths: Sequence[Path], *, trim_bottom: Sequence[int] | int = 0) -> Float32s:
        """Return (N, D) embeddings in the order of `paths`; NaN for an unreadable photo."""


def check(records: RecordList, *, deep: bool = True, seed: int = 0, embed: Embed | None = None) -> CheckReport:
    """Find broken, unusual and duplicate photos in a data set.

    Broken files are listed and left out of `CheckReport.usable`. No file is changed.

    Args:
        records: Records from `fieldmark.read`.
        deep: Also compare embeddings, which finds more near-duplicates, and look for wrong labels. Takes a few
            milliseconds for each photo the first time.
        seed: Seed of the cross-validation folds.
        embed: Computes embeddings; by default the bundled EfficientNet-Lite0 with its cache.
    """
    seen = survey(records)
    duplicates: list[DuplicatePair] = []
    labels: list[Finding] = []
    if deep and seen.records:
        embeddings = _embeddings(seen.records, embed)
        duplicates = embedding_duplicates(embeddings)
        labels = [
            *_suspect_labels(seen, embeddings, duplicates, seed),
            *_source_gaps(seen, embeddings, duplicates, seed),
        ]
    return CheckReport(
        name=records.name,
        root=records.root,
        num_photos=len(records),
        splits=count_splits(seen.records),
        deep=deep,
        findings=tuple(worst_first([*seen.findings(duplicates), *labels])),
        usable=seen.records,
    )


def _embeddings(records: RecordList, embed: Embed | None) -> Float32s:
    if embed is None:
        from fieldmark.backbones.frozen_features import embed as bundled

        embed = bundled
    return embed(records.paths, trim_bottom=[record.trim_bottom for record in records])


def _suspect_labels(
    seen: Survey, embeddings: Float32s, duplicates: Sequence[DuplicatePair], seed: int
) -> list[Finding]:
    groups = join_groups(seen.records, seen.groups(duplicates))
    suspects = label_suspects(embeddings, seen.records.labels, groups, seed=seed)
    if not suspects:
        return []
    noun = "photo looks" if len(suspects) == 1 else "photos look"
    return [
        Finding(
            "label_suspects",
            "warning",
            f"{len(suspects):,} {noun} mislabelled, the most certain first",
            len(suspects),
            "check them from the top, until the labels are correct",
            tuple(_suspect_example(seen.records, suspect) for suspect in suspects),
        )
    ]


def _source_gaps(
    seen: Survey, embeddings: Float32s, duplicates: Sequence[DuplicatePair], seed: int
) -> Iterator[Finding]:
    """Yield a finding for each source that explains accuracy: the groups, and columns that look like groups."""
    records, moments = seen.records, seen.groups(duplicates)
    used = {record.path: record.group for record in records if record.group is not None}
    named = [("group", used)] if used else []
    for name, values in [*named, *records.sources.items()]:
        joined = records.like(replace(record, group=values.get(record.path)) for record in records)
        gap = source_gap(embeddings, records.labels, moments, join_groups(joined, moments), seed=seed)
        if gap is not None and gap.is_significant:
            yield _source_finding(name, gap, is_used=name == "group" and bool(used))


def _source_finding(name: str, gap: SourceGap, *, is_used: bool) -> Finding:
    action = (
        "no action needed: groups stay in one split, so that figures hold for new ones"
        if is_used
        else f"give --group-col {name}, so that val and test show what photos of new sources will show"
    )
    return Finding(
        "source_gap",
        "note" if is_used else "warning",
        f"photos of a new {name} are recognized less often: {gap.by_source:.1%} are correct in cross-validation by "
        f"{name}, {gap.at_random:.1%} at random",
        gap.sources,
        action,
        (
            Example(
                (),
                f"{gap.photos:,} photos of {gap.sources:,} values of {name}; the difference has a standard error of "
                f"{gap.standard_error:.1%}",
            ),
        ),
    )


def _suspect_example(records: RecordList, suspect: Suspect) -> Example:
    record = records[suspect.index]
    given, suggested = records.classes[record.label], records.classes[suspect.suggested]
    return Example(
        (str(record.path),),
        f"labelled {given} ({suspect.given_probability:.1%}), looks like {suggested}"
        f" ({suspect.suggested_probability:.0%})",
    )
