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
from fieldmark.recognizer.predictions import Scores
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
    """Measure a recognizer on one split, for each of its questions. Each photo passes through the graphs once.

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
    is_own = isinstance(data, RecordList) and data.label_name == recognizer.question
    if recognizer.first is not recognizer and not is_own:
        levels = {"coverage": coverage, "target_accuracy": target_accuracy}
        asked = evaluate(recognizer.first, data, split=split, **levels).questions.get(recognizer.question)
        if asked is None:
            raise DataError(
                f"no {split} photo has a label for '{recognizer.question}' that the model knows: "
                "name DATA with this column, or another split"
            )
        return asked
    records, seen = _opened(recognizer, data, split)
    scores = recognizer.question_scores(records, f"evaluating {split}")
    first = scores[recognizer.question]
    if len(first.errors) == len(records):
        raise DataError(f"none of the {len(records)} {split} photos could be read; the first: {first.errors[0]}")
    found = _measured(recognizer, records, first, sum(seen), split, wanted)
    questions = {}
    for one in recognizer.further:
        rows, labelled = _asked(one, records)
        own = scores[one.question].of_positions(rows)
        if len(own.errors) < len(rows):
            part = _measured(one, labelled, own, sum(seen[row] for row in rows), split, wanted)
            questions[one.question] = replace(part, unlabelled=len(records) - len(rows))
    return replace(found, questions=questions)


def _measured(
    recognizer: Predictor, records: RecordList, scores: Scores, seen: int, split: Split, wanted: AnswerOptions
) -> Evaluation:
    """Return the measures for one question; its records have labels of that question."""
    predictions = readable_predictions(records, scores)
    probabilities, labels = predictions.probabilities, predictions.labels
    metrics = compute_metrics(probabilities, labels, recognizer.classes)
    metrics = with_guarantees(metrics, recognizer.guarantees, probabilities, labels, recognizer.classes, wanted)
    levels = tuple(coverage_levels(predictions, recognizer.guarantees))
    histories = tuple(member.history for member in recognizer.manifest.members if member.history)
    return Evaluation(metrics, records, scores, seen, split, levels, histories)


def _asked(recognizer: Predictor, records: RecordList) -> tuple[list[int], RecordList]:
    """Return the positions of the photos with a label that a further question knows, and these photos with it."""
    own = {fold_name(name): label for label, name in enumerate(recognizer.classes)}
    number = next((at for at, each in enumerate(records.further) if each.name == recognizer.question), None)
    if number is None:
        return [], records.like(())
    names = records.further[number].classes
    labels = records.labels_of(number)
    rows = [row for row, label in enumerate(labels) if label is not None and names[label] in own]
    asked = records.asking(number)
    known = (replace(record, label=own[names[record.label]]) for record in asked if names[record.label] in own)
    return rows, asked.with_classes(known, recognizer.classes)


def photos_of_split(recognizer: Predictor, data: str | Path | RecordList | None, split: Split) -> RecordList:
    """Return the photos of a split. Their labels are indices of the recognizer's classes."""
    return _opened(recognizer, data, split)[0]


def _opened(recognizer: Predictor, data: str | Path | RecordList | None, split: Split) -> tuple[RecordList, list[bool]]:
    """The photos of a split, and whether the model was trained on each of them."""
    records = read_source(recognizer, data)
    source = records.root or recognizer.data_place
    contents = content_keys(records)
    chosen = of_split(records, contents, recognizer.split(), split)
    if not chosen:
        raise DataError(f"{source} has no {split} photos; choose another split with --split")
    learned = recognizer.manifest.data.learned
    trained_on = {row.content for row in recognizer.split() if row.split in learned}
    seen = [split != "train" and contents[index] in trained_on for index in chosen]
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
    return records.with_classes(renamed, recognizer.classes)
