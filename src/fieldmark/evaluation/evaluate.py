"""Measure a recognizer on photos that took no part in making it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fieldmark.artifact.save import relative_path
from fieldmark.atomic import atomic_file
from fieldmark.data.read import read
from fieldmark.errors import DataError
from fieldmark.evaluation.guarantee_metrics import with_trust
from fieldmark.evaluation.metrics import Metrics, compute_metrics
from fieldmark.evaluation.recorded_split import content_keys, of_split
from fieldmark.recognizer.predictor import Predictor, Scores
from fieldmark.structures import RecordList, Split
from fieldmark.uncertainty.guarantees import AnswerOptions

__all__ = ["Evaluation", "data_source", "evaluate", "photos_of_split", "write_rows"]


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


def evaluate(
    recognizer: Predictor,
    data: str | Path | None = None,
    *,
    split: Split = "test",
    coverage: float | None = None,
    confidence: float | None = None,
) -> Evaluation:
    """Open a split and measure.

    Args:
        recognizer: What to measure.
        data: A data set; the one that the model was made from for None.
        split: See `of_split`.
        coverage: Level of the candidate sets; the model's own for None.
        confidence: Share of answers that shall be right at their rank; the model's own for None.

    Raises:
        DataError: The photos are not where they were, the split is empty, or a label is none of the classes.
        SettingError: A level does not lie between 0 and 1, or the model cannot vouch for that coverage.
    """
    wanted = AnswerOptions(coverage=coverage, confidence=confidence)
    recognizer.trust.demand(wanted)
    records, seen = _opened(recognizer, data, split)
    scores = recognizer.scores(records, f"evaluating {split}")
    good = np.array([index for index in range(len(records)) if index not in scores.errors], dtype=np.int64)
    if not len(good):
        raise DataError(f"none of the {len(records)} {split} photos could be read; the first: {scores.errors[0]}")
    labels = np.array(records.labels, dtype=np.int64)[good]
    rows = scores.probabilities[good]
    metrics = compute_metrics(rows, labels, recognizer.classes)
    metrics = with_trust(metrics, recognizer.trust, rows, labels, recognizer.classes, wanted)
    return Evaluation(metrics, records, scores, seen)


def photos_of_split(recognizer: Predictor, data: str | Path | None, split: Split) -> RecordList:
    """The photos to measure on, their labels as indices of the recognizer's classes."""
    return _opened(recognizer, data, split)[0]


def data_source(recognizer: Predictor, data: str | Path | None) -> Path:
    """Where the photos are: `data`, or for None where the model was made from.

    Raises:
        DataError: They are no longer there.
    """
    source = Path(data) if data is not None else Path(recognizer.manifest.data.source)
    if data is None and not source.exists():
        raise DataError(f"the photos that the model was made from are no longer at {source}; name them as DATA")
    return source


def _opened(recognizer: Predictor, data: str | Path | None, split: Split) -> tuple[RecordList, int]:
    """The photos of a split, and how many of them the model was trained on."""
    source = data_source(recognizer, data)
    records = read(source)
    contents = content_keys(records)
    chosen = of_split(records, contents, recognizer.split(), split)
    if not chosen:
        raise DataError(f"{source} has no {split} photos; choose another split with --split")
    trained_on = {row.content for row in recognizer.split() if row.split == "train"}
    seen = 0 if split == "train" else sum(contents[index] in trained_on for index in chosen)
    return _relabelled(records.like(records[index] for index in chosen), recognizer, source), seen


def _relabelled(records: RecordList, recognizer: Predictor, source: Path) -> RecordList:
    """The same photos with labels of the recognizer's classes."""
    own = recognizer.class_to_idx
    foreign = sorted({records.classes[record.label] for record in records} - own.keys())
    if foreign:
        raise DataError(
            f"{len(foreign)} label(s) of {source} are none of the model's {len(own)} classes, such as '{foreign[0]}'; "
            f"evaluate on photos of the model's classes"
        )
    renamed = (replace(record, label=own[records.classes[record.label]]) for record in records)
    return RecordList(renamed, recognizer.classes, name=records.name, root=records.root, ranks=records.ranks)


def write_rows(evaluation: Evaluation, classes: Sequence[str], out: Path) -> None:
    """One row for each photo: path, truth, answer, confidence, probability and rank of the truth, error."""
    records, scores = evaluation.records, evaluation.scores
    with atomic_file(out) as draft, draft.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
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
