"""Measure a recognizer on photos that took no part in making it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fieldmark.artifact.save import relative_path
from fieldmark.artifact.whole import whole_file
from fieldmark.data.photos import content_key
from fieldmark.data.read import read
from fieldmark.errors import DataError, PhotoError
from fieldmark.evaluation.metrics import Metrics, compute_metrics
from fieldmark.recognizer.recognizer import Recognizer, Scores
from fieldmark.structures import RecordList, Split

__all__ = ["Evaluation", "evaluate", "photos_of_split", "write_rows"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation with its photos.

    Attributes:
        metrics: The numbers, over the photos that could be read.
        records: All photos of the split, with labels of the recognizer's classes.
        scores: Their probabilities and the unreadable ones among them.
        seen: How many of the photos the model was trained on, by their content.
    """

    metrics: Metrics
    records: RecordList
    scores: Scores
    seen: int


def evaluate(recognizer: Recognizer, data: str | Path | None = None, *, split: Split = "test") -> Evaluation:
    """Open a split and measure.

    Args:
        recognizer: What to measure.
        data: A data set; the one that the model was made from for None.
        split: Of the data set. Data without splits are taken whole for ``test``.

    Raises:
        DataError: The photos are not where they were, the split is empty, or a label is none of the classes.
    """
    records = photos_of_split(recognizer, data, split)
    scores = recognizer.scores(records, f"evaluating {split}")
    good = np.array([index for index in range(len(records)) if index not in scores.errors], dtype=np.int64)
    if not len(good):
        raise DataError(f"none of the {len(records)} {split} photos could be read; the first: {scores.errors[0]}")
    labels = np.array(records.labels, dtype=np.int64)[good]
    metrics = compute_metrics(scores.probabilities[good], labels, recognizer.classes)
    trained_on = {row.content for row in recognizer.split() if row.split == "train"}
    seen = sum(_content(record.path) in trained_on for record in records) if split != "train" else 0
    return Evaluation(metrics, records, scores, seen)


def photos_of_split(recognizer: Recognizer, data: str | Path | None, split: Split) -> RecordList:
    """The photos to measure on, their labels as indices of the recognizer's classes."""
    source = Path(data) if data is not None else Path(recognizer.manifest.data.source)
    if data is None and not source.exists():
        raise DataError(f"the photos that the model was made from are no longer at {source}; name them as DATA")
    records = read(source)
    own = recognizer.class_to_idx
    foreign = sorted({records.classes[record.label] for record in records} - own.keys())
    if foreign:
        raise DataError(
            f"{len(foreign)} label(s) of {source} are none of the model's {len(own)} classes, such as '{foreign[0]}'; "
            f"evaluate on photos of the model's classes"
        )
    relabel = [own.get(name, -1) for name in records.classes]
    renamed = RecordList(
        (replace(record, label=relabel[record.label]) for record in records),
        recognizer.classes,
        name=records.name,
        root=records.root,
        ranks=records.ranks,
    )
    chosen = _remembered(recognizer, renamed, split) if _same_data(recognizer, source) else renamed.of_split(split)
    if not chosen and split == "test" and all(record.split is None for record in renamed):
        chosen = renamed
    if not chosen:
        raise DataError(f"{source} has no {split} photos; choose another split with --split")
    return chosen


def write_rows(evaluation: Evaluation, classes: Sequence[str], out: Path) -> None:
    """One row for each photo: path, truth, answer, confidence, probability and rank of the truth, error."""
    records, scores = evaluation.records, evaluation.scores
    with whole_file(out) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ("photo", "truth", "answer", "correct", "confidence", "truth_probability", "truth_rank", "error")
        )
        for index, record in enumerate(records):
            name = relative_path(record.path, records.root)
            truth = classes[record.label]
            if index in scores.errors:
                writer.writerow((name, truth, "", "", "", "", "", scores.errors[index]))
                continue
            row = scores.probabilities[index]
            best, own = int(row.argmax()), float(row[record.label])
            rank = 1 + int((row > own).sum())
            figures = (f"{row[best]:.6f}", f"{own:.6f}", rank)
            writer.writerow((name, truth, classes[best], int(best == record.label), *figures, ""))


def _same_data(recognizer: Recognizer, source: Path) -> bool:
    return source.resolve() == Path(recognizer.manifest.data.source).resolve()


def _remembered(recognizer: Recognizer, records: RecordList, split: Split) -> RecordList:
    """The split as it was when the model was made; photos that have come since belong to none."""
    split_of = {row.path: row.split for row in recognizer.split()}
    return records.like(
        record.with_split(split)
        for record in records
        if split_of.get(relative_path(record.path, records.root)) == split
    )


def _content(path: Path) -> str:
    try:
        return content_key(path)
    except PhotoError:
        return ""
