"""Gather what the page shows, and write it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldmark.artifact.save import relative_path
from fieldmark.atomic import atomic_file
from fieldmark.evaluation.evaluate import Evaluation
from fieldmark.recognizer.predictor import Predictor
from fieldmark.report.evaluation.headline import Headline, Level, coverage_levels, headlines
from fieldmark.report.evaluation.pictures import PairView, PictureView, pair_views, suspect_views
from fieldmark.report.evaluation.reliability import draw_reliability, reliability_bins
from fieldmark.report.evaluation.result_tables import Answers, Suspect, answers_of, class_lines, suspects
from fieldmark.report.page import embedded_json, render_page

if TYPE_CHECKING:
    from fieldmark.evaluation.open_set import OpenSet
    from fieldmark.evaluation.stress import Stress

__all__ = ["write_report"]

_WORST_SHOWN = 15
_UNREAD_SHOWN = 20


@dataclass(frozen=True, slots=True)
class _Page:
    """What the template reads beside the evaluation itself."""

    headlines: list[Headline]
    levels: list[Level]
    pairs: list[PairView]
    suspects: list[PictureView]
    facts: list[tuple[str, str]]


def write_report(
    evaluation: Evaluation,
    recognizer: Predictor,
    out: Path,
    *,
    split: str = "test",
    stress: Stress | None = None,
    open_set: OpenSet | None = None,
) -> None:
    """One page that needs no other file, light or dark, that can be printed.

    Args:
        evaluation: What to show.
        recognizer: Whose answers they are.
        out: The file.
        split: What the photos are called.
        stress: Shown where it was measured.
        open_set: Shown where it was measured.
    """
    from fieldmark.evaluation.stress import UNITS

    answers, metrics = answers_of(evaluation), evaluation.metrics
    doubted = suspects(answers)
    lines = class_lines(answers, recognizer.classes, metrics.set_coverage_by_class)
    page = _Page(
        headlines(answers, metrics),
        coverage_levels(answers, recognizer.trust),
        pair_views(evaluation, answers, recognizer.classes),
        suspect_views(evaluation, answers, recognizer.classes, doubted),
        _facts(evaluation, recognizer, split),
    )
    text = render_page(
        "report.html.j2",
        page=page,
        metrics=metrics,
        sets_by=recognizer.manifest.trust and recognizer.manifest.trust.score_in_words,
        split=split,
        seen=evaluation.seen,
        diagram=draw_reliability(reliability_bins(answers.probabilities, answers.labels)),
        worst=lines[:_WORST_SHOWN],
        others=lines[_WORST_SHOWN:],
        num_suspects=len(doubted),
        unread=_unread(evaluation),
        num_unread=len(evaluation.scores.errors),
        stress=stress,
        units=UNITS,
        harmful=sorted(stress.changes, key=stress.drop, reverse=True) if stress else [],
        open_set=open_set,
        rows=embedded_json(_rows(evaluation, answers, recognizer, doubted)),
    )
    with atomic_file(out) as draft:
        draft.write_text(text, encoding="utf-8", errors="surrogateescape")


def _rows(
    evaluation: Evaluation, answers: Answers, recognizer: Predictor, doubted: list[Suspect]
) -> dict[str, list[Any]]:
    """For each photo path, truth, answer, confidence, probability and rank of the truth, and whether it is doubted."""
    ranks = 1 + (answers.probabilities > answers.own[:, None]).sum(1)
    suspected = {suspect.row for suspect in doubted}
    records = evaluation.records
    rows = [
        [
            relative_path(records[position].path, records.root).encode("utf-8", "replace").decode(),
            int(answers.labels[row]),
            int(answers.predicted[row]),
            round(float(answers.confidence[row]), 4),
            round(float(answers.own[row]), 4),
            int(ranks[row]),
            int(row in suspected),
        ]
        for row, position in enumerate(answers.positions)
    ]
    return {"classes": list(recognizer.classes), "rows": rows}


def _unread(evaluation: Evaluation) -> list[tuple[str, str]]:
    errors = sorted(evaluation.scores.errors.items())[:_UNREAD_SHOWN]
    return [(str(evaluation.records[position].path), reason) for position, reason in errors]


def _facts(evaluation: Evaluation, recognizer: Predictor, split: str) -> list[tuple[str, str]]:
    manifest, records = recognizer.manifest, evaluation.records
    classes = len(np.unique(records.labels))
    made_of = ", ".join(f"{count:,} {name}" for name, count in manifest.data.photos.items())
    return [
        ("model", f"{recognizer.folder.resolve().name}, {manifest.method}, Fieldmark {manifest.fieldmark}"),
        ("made from", f"{manifest.data.source} ({manifest.data.layout}): {made_of}"),
        ("measured on", f"{records.root}: {len(records):,} {split} photos of {classes} classes"),
        ("fingerprint of the data", manifest.data.fingerprint),
        ("written", datetime.now(UTC).isoformat(timespec="minutes")),
    ]
