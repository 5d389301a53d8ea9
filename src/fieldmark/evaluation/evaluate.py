"""Evaluate a recognizer on photos that it was not trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fieldmark.data.label_names import fold_name
from fieldmark.errors import DataError
from fieldmark.evaluation.metrics import compute_metrics, with_guarantees
from fieldmark.evaluation.read_source import read_source
from fieldmark.evaluation.recorded_split import content_keys, of_split
from fieldmark.evaluation.reliability import coverage_levels
from fieldmark.evaluation.result import Evaluation, readable_predictions, write_rows
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import RecordList, Split
from fieldmark.uncertainty.guarantees import AnswerOptions

__all__ = ["Evaluation", "evaluate", "photos_of_split", "write_rows"]


def evaluate(
    recognizer: Predictor,
    data: str | Path | RecordList | None = None,
    *,
    split: Split = "test",
    coverage: float | None = None,
    target_accuracy: float | None = None,
) -> Evaluation:
    """Measure a recognizer on one split.

    Args:
        recognizer: The recognizer.
        data: A data set; by default the one that the model was made from.
        split: See `of_split`.
        coverage: Target coverage of the prediction sets; by default the model's own.
        target_accuracy: Target accuracy for back-off; by default the model's own.

    Raises:
        DataError: The photos are missing, the split is empty, or a label is not one of the model's classes.
        SettingError: A level is not between 0 and 1, or the calibration set is too small for that coverage.
    """
    wanted = AnswerOptions(coverage=coverage, target_accuracy=target_accuracy)
    recognizer.guarantees.check(wanted)
    records, seen = _opened(recognizer, data, split)
    scores = recognizer.scores(records, f"evaluating {split}")
    if len(scores.errors) == len(records):
        raise DataError(f"none of the {len(records)} {split} photos could be read; the first: {scores.errors[0]}")
    predictions = readable_predictions(records, scores)
    probabilities, labels = predictions.probabilities, predictions.labels
    metrics = compute_metrics(probabilities, labels, recognizer.classes)
    metrics = with_guarantees(metrics, recognizer.guarantees, probabilities, labels, recognizer.classes, wanted)
    levels = tuple(coverage_levels(predictions, recognizer.guarantees))
    histories = tuple(member.history for member in recognizer.manifest.members if member.history)
    return Evaluation(metrics, records, scores, seen, split, levels, histories)


def photos_of_split(recognizer: Predictor, data: str | Path | RecordList | None, split: Split) -> RecordList:
    """Return the photos of a split. Their labels are indices of the recognizer's classes."""
    return _opened(recognizer, data, split)[0]


def _opened(recognizer: Predictor, data: str | Path | RecordList | None, split: Split) -> tuple[RecordList, int]:
    """The photos of a split, and how many of them the model was trained on."""
    records = read_source(recognizer, data)
    source = records.root or recognizer.data_place
    contents = content_keys(records)
    chosen = of_split(records, contents, recognizer.split(), split)
    if not chosen:
        raise DataError(f"{source} has no {split} photos; choose another split with --split")
    learned = recognizer.manifest.data.learned
    trained_on = {row.content for row in recognizer.split() if row.split in learned}
    seen = 0 if split == "train" else sum(contents[index] in trained_on for index in chosen)
    return _relabelled(records.like(records[index] for index in chosen), recognizer, source), seen


def _relabelled(records: RecordList, recognizer: Predictor, source: Path) -> RecordList:
    """The same photos with labels of the recognizer's classes."""
    own = {fold_name(name): label for name, label in recognizer.class_to_idx.items()}
    foreign = sorted({records.classes[record.label] for record in records} - own.keys())
    if foreign:
        raise DataError(
            f"{len(foreign)} label(s) of {source} are not among the model's {len(own)} classes, such as "
            f"'{foreign[0]}'; evaluate on photos of the model's classes"
        )
    renamed = (replace(record, label=own[records.classes[record.label]]) for record in records)
    return RecordList(renamed, recognizer.classes, name=records.name, root=records.root, ranks=records.ranks)
