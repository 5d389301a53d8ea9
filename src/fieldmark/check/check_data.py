"""Check a data set before training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fieldmark.check.check_report import CheckReport, count_splits
from fieldmark.check.embed_data import Embed
from fieldmark.check.inspect_data import Inspection, inspect_data
from fieldmark.check.source_gap import SourceGap, source_gap
from fieldmark.data.quality.findings import Example, Finding, worst_first
from fieldmark.data.splits import join_groups
from fieldmark.evaluation.label_suspects import Suspect
from fieldmark.structures import RecordList

__all__ = ["check", "report_on"]


def check(records: RecordList, *, deep: bool = True, seed: int = 0, embed: Embed | None = None) -> CheckReport:
    """Find broken, unusual and duplicate photos in a data set.

    Broken files are listed and left out of `CheckReport.usable`. No file is changed. What a person has decided
    (`read(..., decisions=FILE)`) is not reported again.

    Args:
        records: Records from `fieldmark.read`.
        deep: Also compare embeddings, which finds more near-duplicates, and look for wrong labels. Takes a few
            milliseconds for each photo the first time.
        seed: Seed of the cross-validation folds.
        embed: Computes embeddings; by default the bundled EfficientNet-Lite0 with its cache.
    """
    return report_on(inspect_data(records, deep=deep, seed=seed, embed=embed), deep=deep, seed=seed)


def report_on(found: Inspection, *, deep: bool, seed: int) -> CheckReport:
    """Return the report on what `inspect_data` found; `deep` and `seed` are what it was given."""
    seen, records = found.seen, found.seen.everything
    findings = [*seen.findings(found.duplicates), *_suspect_labels(found), *_source_gaps(found, seed)]
    return CheckReport(
        name=records.name,
        root=records.root,
        num_photos=len(records),
        splits=count_splits(seen.records),
        deep=deep,
        findings=tuple(worst_first(findings)),
        usable=seen.records,
    )


def _suspect_labels(found: Inspection) -> list[Finding]:
    suspects, records = found.suspects, found.seen.records
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
            tuple(_suspect_example(records, suspect) for suspect in suspects),
        )
    ]


def _source_gaps(found: Inspection, seed: int) -> Iterator[Finding]:
    """Yield a finding for each source that explains accuracy: the groups, and columns that look like groups."""
    if found.embeddings is None:
        return
    records, moments = found.seen.records, found.seen.groups(found.duplicates)
    used = {record.path: record.group for record in records if record.group is not None}
    named = [("group", used)] if used else []
    for name, values in [*named, *records.sources.items()]:
        joined = records.like(replace(record, group=values.get(record.path)) for record in records)
        gap = source_gap(found.embeddings, records.labels, moments, join_groups(joined, moments), seed=seed)
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
