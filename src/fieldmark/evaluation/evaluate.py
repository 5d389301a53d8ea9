"""Evaluate a recognizer on photos that it was not trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from fieldmark.data.label_names import fold_name
from fieldmark.data.read import READ_OPTIONS, read
from fieldmark.errors import DataError
from fieldmark.evaluation.metrics import compute_metrics, with_guarantees
from fieldmark.evaluation.recorded_split import content_keys, of_split
from fieldmark.evaluation.reliability import coverage_levels
from fieldmark.evaluation.result import Evaluation, readable_predictions, write_rows
from fieldmark.recognizer.predictor import Predictor
from fieldmark.structures import RecordList, Split
from fieldmark.uncertainty.guarantees import AnswerOptions

__all__ = ["Evaluation", "data_source", "evaluate", "photos_of_split", "read_source", "write_rows"]


def evaluate(
    recognizer: Predictor,
    data: str | Path | None = None,
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


def photos_of_split(recognizer: Predictor, data: str | Path | None, split: Split) -> RecordList:
    """Return the photos of a split. Their labels are indices of the recognizer's classes."""
    return _opened(recognizer, data, split)[0]


def data_source(recognizer: Predictor, data: str | Path | None) -> Path:
    """Return `data`, or for None the place of the data that the model was made from.

    Raises:
        DataError: The data are no longer there.
    """
    source = Path(data) if data is not None else Path(recognizer.manifest.data.source)
    if data is None and not source.exists():
        raise DataError(f"the photos that the model was made from are no longer at {source}; name them as DATA")
    return source


def read_source(recognizer: Predictor, data: str | Path | None) -> RecordList:
    """The records at `data_source`, read with the same columns and dropped labels as for the fit.

    Data of another name than the model's own are read without them.
    """
    source = data_source(recognizer, data)
    facts = recognizer.manifest.data
    is_own = source.name == Path(facts.source).name
    options: dict[str, Any] = {name: value for name, value in facts.options.items() if name in READ_OPTIONS}
    return read(source, **(options if is_own else {}))


def _opened(recognizer: Predictor, data: str | Path | None, split: Split) -> tuple[RecordList, int]:
    """The photos of a split, and how many of them the model was trained on."""
    source = data_source(recognizer, data)
    records = read_source(recognizer, data)
    contents = content_keys(records)
    chosen = of_split(records, contents, recognizer.split(), split)
    if not chosen:
        raise DataError(f"{source} has no {split} photos; choose another split with --split")
    trained_on = {row.content for row in recognizer.split() if row.split == "train"}
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
