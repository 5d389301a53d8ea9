"""What `check` and `review` look at: files, duplicates, embeddings, and out-of-fold probabilities of the labels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from fieldmark.arrays import Float32s
from fieldmark.check.embed_data import Embed, survey_for
from fieldmark.check.label_errors import LabelCheck, check_labels, suspects_of
from fieldmark.data.prepare import Survey, survey
from fieldmark.data.quality.duplicates import DuplicatePair, embedding_duplicates
from fieldmark.data.splits import join_groups
from fieldmark.evaluation.label_suspects import Suspect
from fieldmark.structures import RecordList

__all__ = ["Inspection", "inspect_data", "judge"]


@dataclass(frozen=True)
class Inspection:
    """What was found in a data set.

    Attributes:
        seen: Files, usable records, and the duplicates that pixels show.
        embeddings: (n, D) of the usable records; None for a fast inspection.
        duplicates: Duplicates that embeddings show.
        labels: Out-of-fold probabilities; None where no label can be checked.
    """

    seen: Survey
    embeddings: Float32s | None = None
    duplicates: tuple[DuplicatePair, ...] = ()
    labels: LabelCheck | None = None

    @property
    def pairs(self) -> list[DuplicatePair]:
        """All duplicates. A pair that both pixels and embeddings show counts once."""
        known = {(pair.first, pair.second) for pair in self.seen.pairs}
        fresh = [pair for pair in self.duplicates if (pair.first, pair.second) not in known]
        return [*self.seen.pairs, *fresh]

    @cached_property
    def suspects(self) -> list[Suspect]:
        """Suspect labels, the least probable first, without those about which a person has decided."""
        judged = self.seen.records.judged.get("label", frozenset())
        found = suspects_of(self.labels) if self.labels is not None else []
        return [suspect for suspect in found if self.seen.records[suspect.index].path not in judged]


def inspect_data(records: RecordList, *, deep: bool = True, seed: int = 0, embed: Embed | None = None) -> Inspection:
    """Read every photo once, find duplicates, and let models that were not trained on a photo judge its label.

    Args:
        records: Records from `fieldmark.read`.
        deep: Also compute embeddings, for more duplicates and for the labels.
        seed: Seed of the cross-validation folds.
        embed: Computes embeddings; by default the bundled EfficientNet-Lite0 with its cache.
    """
    if not deep:
        return Inspection(survey(records))
    with survey_for(embed, records) as (seen, embed_usable):
        if not seen.records:
            return Inspection(seen)
        embeddings = embed_usable()
    return judge(seen, embeddings, seed=seed)


def judge(seen: Survey, embeddings: Float32s, *, seed: int) -> Inspection:
    """Find duplicates and wrong labels by the embeddings (n, D) of the usable photos of a survey."""
    duplicates = embedding_duplicates(embeddings)
    groups = join_groups(seen.records, seen.groups(duplicates))
    labels = check_labels(embeddings, seen.records.labels, groups, seed=seed)
    return Inspection(seen, embeddings, tuple(duplicates), labels)
