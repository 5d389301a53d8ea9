"""Look a data set over before anything is trained on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fieldmark.check.check_report import CheckReport, count_splits
from fieldmark.check.label_errors import Suspect, label_suspects
from fieldmark.data.prepare import Survey, survey
from fieldmark.data.quality.duplicates import Pair, embedding_duplicates
from fieldmark.data.quality.findings import Example, Finding, worst_first
from fieldmark.data.splits import join_groups
from fieldmark.structures import RecordList

__all__ = ["Embed", "check"]


class Embed(Protocol):
    """Something that turns photos into embeddings, such as `fieldmark.backbones.frozen_features.embed`."""

    def __call__(self, paths: Sequence[Path], *, trim_bottom: Sequence[int] | int = 0) -> NDArray[np.float32]:
        """(N, D) embeddings in the order of `paths`; NaN where a photo cannot be read."""


def check(records: RecordList, *, deep: bool = True, seed: int = 0, embed: Embed | None = None) -> CheckReport:
    """Find what is wrong, odd or repeated in a data set.

    Bad files are listed and left out of `CheckReport.usable`; nothing is replaced.

    Args:
        records: What a reader gave.
        deep: Also compare embeddings, which finds more near-duplicates, and doubt labels. Takes a few
            milliseconds a photo the first time.
        seed: Decides the folds in which labels are doubted.
        embed: Where embeddings come from; by default the bundled EfficientNet-Lite0, cached.
    """
    seen = survey(records)
    likeness: list[Pair] = []
    doubts: list[Finding] = []
    if deep and seen.records:
        embeddings = _embeddings(seen.records, embed)
        likeness = embedding_duplicates(embeddings)
        doubts = _doubts(seen, embeddings, likeness, seed)
    return CheckReport(
        name=records.name,
        root=records.root,
        num_photos=len(records),
        splits=count_splits(seen.records),
        deep=deep,
        findings=tuple(worst_first([*seen.findings(likeness), *doubts])),
        usable=seen.records,
    )


def _embeddings(records: RecordList, embed: Embed | None) -> NDArray[np.float32]:
    if embed is None:
        from fieldmark.backbones.frozen_features import embed as bundled

        embed = bundled
    return embed(records.paths, trim_bottom=[record.trim_bottom for record in records])


def _doubts(seen: Survey, embeddings: NDArray[np.float32], likeness: Sequence[Pair], seed: int) -> list[Finding]:
    groups = join_groups(seen.records, seen.groups(likeness))
    suspects = label_suspects(embeddings, seen.records.labels, groups, seed=seed)
    if not suspects:
        return []
    noun = "photo looks" if len(suspects) == 1 else "photos look"
    return [
        Finding(
            "label_suspects",
            "warning",
            f"{len(suspects):,} {noun} mislabelled, the surest first",
            len(suspects),
            "look at them from the top and stop where the labels turn out right",
            tuple(_suspect_example(seen.records, suspect) for suspect in suspects),
        )
    ]


def _suspect_example(records: RecordList, suspect: Suspect) -> Example:
    record = records[suspect.index]
    given, suggested = records.classes[record.label], records.classes[suspect.suggested]
    return Example(
        (str(record.path),),
        f"labelled {given} ({suspect.given_probability:.1%}), looks like {suggested}"
        f" ({suspect.suggested_probability:.0%})",
    )
