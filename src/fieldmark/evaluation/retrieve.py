"""Let the photos of a data set look for each other by what a recognizer makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fieldmark.data.read import read
from fieldmark.errors import DataError
from fieldmark.evaluation.evaluate import data_source, photos_of_split
from fieldmark.evaluation.retrieval import RetrievalMetrics, compute_retrieval
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import RecordList, Split

__all__ = ["Retrieval", "evaluate_retrieval"]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Retrieval numbers with their photos.

    Attributes:
        metrics: Over the photos that could be read.
        records: All photos; labels are indices of their own classes.
        unseen_classes: The model was trained on none of their classes.
        errors: Position -> why that photo cannot be read.
    """

    metrics: RetrievalMetrics
    records: RecordList
    unseen_classes: bool
    errors: dict[int, str]

    def to_dict(self) -> dict[str, Any]:
        return self.metrics.to_dict() | {"unseen_classes": self.unseen_classes}


def evaluate_retrieval(recognizer: Predictor, data: str | Path | None = None, *, split: Split = "test") -> Retrieval:
    """Each photo looks for the others of its class among all of them.

    Where the data have classes that the model has never seen, all photos of these are used, whatever their split: the
    class-disjoint protocol of the retrieval benchmarks. Otherwise it is the photos of a split.

    Args:
        recognizer: Its embeddings are compared.
        data: A data set; the one that the model was made from for None.
        split: Of the photos of classes that it has seen.

    Raises:
        DataError: The photos are not where they were, the split is empty, or no class has two readable photos.
    """
    records = read(data_source(recognizer, data))
    known = set(recognizer.classes)
    unseen = records.like(record for record in records if records.classes[record.label] not in known)
    photos = unseen or photos_of_split(recognizer, data, split)
    found = recognizer.embeddings(photos, "embedding")
    good = [index for index in range(len(photos)) if index not in found.errors]
    if not good:
        raise DataError(f"none of the {len(photos)} photos could be read; the first: {found.errors[0]}")
    labels = np.array(photos.labels, dtype=np.int64)[good]
    return Retrieval(compute_retrieval(found.vectors[good], labels), photos, bool(unseen), found.errors)
