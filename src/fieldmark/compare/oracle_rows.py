"""Build an oracle row for a part-based method: its accuracy with the annotated parts of the test photos."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fieldmark.atomic import atomic_file
from fieldmark.compare.runs import Run
from fieldmark.evaluation.comparison import MethodRow
from fieldmark.methods import METHODS
from fieldmark.structures import RecordList

__all__ = ["oracle_row"]

_KEPT = "test_true_parts.json"
"""In the model folder, so that a new run removes it."""


def oracle_row(row: MethodRow, runs: Sequence[Run], test: RecordList) -> MethodRow | None:
    """Return the row of the same models with the annotated boxes and parts of the test photos.

    It is not a competitor: it shows what better part detection could gain. The result is None if the photos have no
    annotated parts, or if the method does not learn from parts.

    Args:
        row: Row of the method without annotations.
        runs: Runs of the method.
        test: The test photos.
    """
    if not any(record.box is not None and record.parts for record in test):
        return None
    done = [run for run in runs if run.facts is not None and _learns_from_parts(run.facts.method)]
    if not done:
        return None
    figures = [_measured(run.folder, test) for run in done]
    top1 = tuple(figure["top1_accuracy"] for figure in figures)
    return replace(
        row,
        label=f"{row.label}, true parts",
        status="oracle",
        reason=None,
        seeds=tuple(run.seed for run in done),
        top1=top1,
        mean=float(np.mean(top1)),
        mean_class_accuracy=float(np.mean([figure["mean_class_accuracy"] for figure in figures])),
        difference=None,
        mcnemar=(),
        standing="none",
        verdict="uses the annotated parts of each test photo: what better part detection could gain",
        ms_per_photo=None,
        class_top1=(),
    )


def _learns_from_parts(method: str) -> bool:
    return getattr(METHODS.load(method), "point_names", None) is not None


def _measured(folder: Path, test: RecordList) -> dict[str, float]:
    """Return the accuracies; they are computed once and stored in the model folder."""
    from fieldmark.artifact.load import load_manifest
    from fieldmark.evaluation.oracle import evaluate_with_annotations

    kept = folder / _KEPT
    if not kept.is_file():
        metrics = evaluate_with_annotations(folder, load_manifest(folder), test, "parts").metrics
        content = {"top1_accuracy": metrics.top1_accuracy, "mean_class_accuracy": metrics.mean_class_accuracy}
        with atomic_file(kept) as draft:
            draft.write_text(json.dumps(content), encoding="utf-8", errors="backslashreplace")
    figures: dict[str, float] = json.loads(kept.read_text(encoding="utf-8"))
    return figures
