"""Write an evaluation as one HTML page."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldmark.data.relative_path import relative_path
from fieldmark.evaluation.class_table import class_rows
from fieldmark.evaluation.confused_block import mistakes_within, most_confused_block
from fieldmark.evaluation.label_suspects import Suspect, find_suspects
from fieldmark.evaluation.result import Evaluation
from fieldmark.evaluation.review_plan import MIN_PHOTOS, Costs, ReviewPlan, plan_review
from fieldmark.evaluation.stress import UNITS
from fieldmark.recognizer.predictor import Predictor
from fieldmark.report.evaluation.headline import headlines
from fieldmark.report.evaluation.pictures import pair_views, suspect_views
from fieldmark.report.evaluation.verdict import verdict
from fieldmark.report.page import chart, embedded_json, model_facts, model_name, write_page

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["write_report"]

_USUAL_COSTS = Costs(wrong=5, review=1, reject=5)
_WORST_SHOWN = 15
_UNREAD_SHOWN = 20


def write_report(evaluation: Evaluation, recognizer: Predictor, out: Path) -> None:
    """Write a page that needs no other file, for light and dark screens and for paper.

    Args:
        evaluation: What the page shows.
        recognizer: The recognizer that was evaluated.
        out: The HTML file.
    """
    metrics, predictions = evaluation.metrics, evaluation.predictions
    suspects = find_suspects(predictions)
    rows = [row for row in class_rows(predictions, recognizer.classes, metrics) if row.photos]
    rows.sort(key=lambda row: (row.recall.value, -row.photos, row.name))
    stress = evaluation.stress
    block = most_confused_block(predictions, len(recognizer.classes))
    write_page(
        out,
        "report.html.j2",
        subject=model_name(recognizer),
        folders=[recognizer.folder.parent, *([evaluation.records.root] if evaluation.records.root else [])],
        evaluation=evaluation,
        question=recognizer.question,
        metrics=metrics,
        verdict=verdict(evaluation, _trained(recognizer)),
        headlines=headlines(predictions, metrics),
        block={"classes": len(block), "mistakes": mistakes_within(predictions, block)},
        num_classes=len(recognizer.classes),
        mistakes=int((~predictions.correct).sum()),
        figures=_figures(evaluation),
        plan=_plan(recognizer),
        sets_by=recognizer.manifest.guarantees and recognizer.manifest.guarantees.score_in_words,
        pairs=pair_views(evaluation, recognizer.classes),
        worst=rows[:_WORST_SHOWN],
        others=rows[_WORST_SHOWN:],
        suspects=suspect_views(evaluation, recognizer.classes, suspects),
        num_suspects=len(suspects),
        unread=_unread(evaluation),
        num_unread=len(evaluation.scores.errors),
        units=UNITS,
        harmful=sorted(stress.changes, key=stress.drop, reverse=True) if stress else [],
        facts=_facts(evaluation, recognizer),
        rows=embedded_json(_rows(evaluation, recognizer, suspects)),
    )


def _trained(recognizer: Predictor) -> Counter[str]:
    """Class -> number of photos that the model learned from."""
    learned = recognizer.manifest.data.learned
    return Counter(row.label for row in recognizer.split() if row.split in learned)


def _plan(recognizer: Predictor) -> ReviewPlan | None:
    """Return the plan for usual costs; None if there are too few calibration photos."""
    tables = recognizer.guarantees.tables
    if len(tables.ranks) < MIN_PHOTOS:
        return None
    return plan_review(tables.paths[:, 0], tables.ranks, _USUAL_COSTS)


def _figures(evaluation: Evaluation) -> dict[str, Markup]:
    figures = {
        "reliability": chart(evaluation.plot("reliability"), "Accuracy against confidence"),
        "confusion": chart(evaluation.plot("confusion"), "Confusion matrix"),
    }
    if evaluation.coverage_levels:
        figures["coverage"] = chart(evaluation.plot("coverage"), "Measured against target coverage")
    if evaluation.histories:
        figures["loss"] = chart(evaluation.plot("loss"), "Loss after each epoch")
    return figures


def _rows(evaluation: Evaluation, recognizer: Predictor, suspects: list[Suspect]) -> dict[str, Any]:
    """For each photo: path, truth, prediction, confidence, probability and rank of the truth, whether suspect."""
    predictions, records = evaluation.predictions, evaluation.records
    names = [relative_path(records[position].path, records.root) for position in evaluation.positions]
    doubted = {suspect.index for suspect in suspects}
    columns = (
        [name.encode("utf-8", "replace").decode() for name in names],
        predictions.labels.tolist(),
        predictions.predicted.tolist(),
        np.round(predictions.confidence.astype(float), 4).tolist(),
        np.round(predictions.label_probability.astype(float), 4).tolist(),
        predictions.label_rank.tolist(),
        [int(row in doubted) for row in range(len(predictions))],
    )
    return {"classes": list(recognizer.classes), "rows": list(zip(*columns, strict=True))}


def _unread(evaluation: Evaluation) -> list[tuple[str, str]]:
    errors = sorted(evaluation.scores.errors.items())[:_UNREAD_SHOWN]
    records = evaluation.records
    return [(relative_path(records[position].path, records.root), reason) for position, reason in errors]


def _facts(evaluation: Evaluation, recognizer: Predictor) -> list[tuple[str, str]]:
    data, records = recognizer.manifest.data, evaluation.records
    made_of = ", ".join(f"{count:,} {name}" for name, count in data.photos.items())
    place = records.root.name if records.root else ""
    measured = f"{place}: {len(records):,} {evaluation.split} photos of {len(set(records.labels))} classes"
    trained = f"{Path(data.source).name} ({data.layout}): {made_of}"
    return model_facts(recognizer, ("trained on", trained), ("measured on", measured))
