"""Evaluate a recognizer's embeddings by retrieval."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fieldmark.errors import DataError
from fieldmark.evaluation.evaluate import photos_of_split
from fieldmark.evaluation.read_source import read_source
from fieldmark.evaluation.retrieval import RetrievalMetrics, compute_retrieval
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import RecordList, Split

__all__ = ["Retrieval", "evaluate_retrieval"]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Retrieval metrics with their photos.

    Attributes:
        metrics: Over the photos that could be read.
        records: All photos.
        unseen_classes: Whether the model was trained on none of their classes.
        errors: Position -> why that photo could not be read.
    """

    metrics: RetrievalMetrics
    records: RecordList
    unseen_classes: bool
    errors: dict[int, str]

    def to_dict(self) -> dict[str, Any]:
        return self.metrics.to_dict() | {"unseen_classes": self.unseen_classes}


def evaluate_retrieval(
    recognizer: Predictor, data: str | Path | RecordList | None = None, *, split: Split = "test"
) -> Retrieval:
    """Search with each photo for the others of its class.

    If the data have classes that the model was not trained on, all photos of those classes are used, whatever their
    split: the class-disjoint protocol of the retrieval benchmarks. Otherwise the photos of a split are used.

    Args:
        recognizer: The recognizer whose embeddings are compared.
        data: A data set; by default the one that the model was made from.
        split: Split of the photos, if all classes are known.

    Raises:
        DataError: The photos are missing, the split is empty, or no class has two readable photos.
    """
    records = read_source(recognizer, data)
    known = set(recognizer.classes)
    unseen = records.like(record for record in records if records.classes[record.label] not in known)
    photos = unseen or photos_of_split(recognizer, data, split)
    found = recognizer.embeddings(photos, "embedding")
    good = [index for index in range(len(photos)) if index not in found.errors]
    if not good:
        raise DataError(f"none of the {len(photos)} photos could be read; the first: {found.errors[0]}")
    labels = np.array(photos.labels, dtype=np.int64)[good]
    return Retrieval(compute_retrieval(found.vectors[good], labels), photos, bool(unseen), found.errors)
