"""The result of an evaluation: its metrics and what the model predicted for each photo."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from fieldmark.arrays import Ints
from fieldmark.atomic import atomic_file
from fieldmark.data.relative_path import relative_path
from fieldmark.errors import SettingError, unknown_name
from fieldmark.evaluation.figure_style import to_svg
from fieldmark.evaluation.figures import confusion_figure, coverage_figure, loss_figure, reliability_figure
from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.evaluation.metrics import TOP5_ABOVE, Metrics
from fieldmark.evaluation.open_set import OpenSet
from fieldmark.evaluation.promises import missed_accuracy, missed_coverage
from fieldmark.evaluation.reliability import CoverageLevel, reliability_bins
from fieldmark.evaluation.stress import Stress
from fieldmark.recognizer.predictions import Scores
from fieldmark.structures import RecordList, Split

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Evaluation", "readable_predictions", "write_rows"]

FigureKind = Literal["reliability", "confusion", "coverage", "loss"]

_COLUMNS = ("photo", "truth", "answer", "correct", "confidence", "truth_probability", "truth_rank", "error")


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation:
    """Metrics and predictions of a recognizer on one split.

    Attributes:
        metrics: The numbers, over the photos that could be read.
        records: All photos of the split; their labels are indices of the recognizer's classes.
        scores: Probabilities for every photo, and which of them could not be read.
        seen: Number of photos that the model was trained on, by content.
        split: Which split was measured.
        coverage_levels: Coverage of the prediction sets at several targets; empty if the model makes no sets.
        histories: For each member of the model that was trained in epochs, its figures by name; see `MemberSpec`.
        stress: Accuracy on distorted photos, if it was measured.
        open_set: Detection of unknown classes, if it was measured.
        questions: Further question -> its measures, on the photos with a label that it knows.
        unlabelled: Number of photos of the split that are not measured, because they have no such label.
    """

    metrics: Metrics
    records: RecordList
    scores: Scores
    seen: int
    split: Split = "test"
    coverage_levels: tuple[CoverageLevel, ...] = ()
    histories: tuple[dict[str, list[float]], ...] = ()
    stress: Stress | None = None
    open_set: OpenSet | None = None
    questions: Mapping[str, Evaluation] = field(default_factory=dict)
    unlabelled: int = 0

    @property
    def positions(self) -> Ints:
        """Positions of the readable photos in `records`."""
        return _readable(self.records, self.scores)

    @property
    def predictions(self) -> Predictions:
        """Predictions for the readable photos, in the order of `positions`."""
        return readable_predictions(self.records, self.scores)

    def plot(self, kind: FigureKind = "reliability") -> Figure:
        """Draw a figure.

        Args:
            kind: ``reliability``, ``confusion``, ``coverage`` or ``loss``.

        Returns:
            A `matplotlib.figure.Figure`.

        Raises:
            SettingError: There is no such figure, or the model has nothing to draw in it.
        """
        if kind == "reliability":
            return reliability_figure(reliability_bins(self.predictions))
        if kind == "confusion":
            return confusion_figure(self.predictions, self.records.classes)
        if kind == "loss":
            if not self.histories:
                raise SettingError("this model has no losses, as it was not trained in epochs; plot 'reliability'")
            return loss_figure(self.histories)
        if kind != "coverage":
            raise unknown_name("figure", kind, get_args(FigureKind))
        if not self.coverage_levels:
            raise SettingError("this model makes no prediction sets; plot 'reliability' or 'confusion'")
        return coverage_figure(self.coverage_levels)

    def headline(self) -> dict[str, str]:
        """Return name and value of the most important numbers, formatted for people."""
        metrics = self.metrics
        low, high = metrics.top1_interval
        many = len(self.records.classes) > TOP5_ABOVE
        found = {
            "photos": f"{metrics.num_images:,} {self.split}",
            "top-1 accuracy": f"{metrics.top1_accuracy:.1%} (95% CI {100 * low:.1f}–{high:.1%})",
            **({"top-5 accuracy": f"{metrics.top5_accuracy:.1%}"} if many else {}),
            "mean class accuracy": f"{metrics.mean_class_accuracy:.1%}",
            "macro F1": f"{metrics.macro_f1:.3f}",
            "calibration error (ECE)": f"{metrics.ece:.3f}",
        }
        if metrics.set_coverage is not None and metrics.set_level is not None:
            found["set coverage"] = f"{metrics.set_coverage:.1%} (target {metrics.set_level:.0%})"
        return found

    @property
    def seen_warning(self) -> str | None:
        """Return a sentence if the model learned from some of the photos; None otherwise."""
        if not self.seen:
            return None
        if self.split == "val" and self.seen == len(self.records):
            return (
                f"The model learned from these {self.seen:,} val photos, too. On new photos it will be worse; "
                "its card has the accuracy in cross-validation."
            )
        copies = "is a copy" if self.seen == 1 else "are copies"
        return f"{self.seen:,} of these photos {copies} of training photos. Without them the accuracy would be lower."

    @property
    def missed_coverage(self) -> str | None:
        """Return sentences if the prediction sets miss their target by more than chance; None otherwise."""
        return missed_coverage(self.metrics)

    @property
    def missed_promises(self) -> tuple[str, ...]:
        """Sentences on each promise that is broken by more than chance: coverage of the sets, accuracy at a rank."""
        return tuple(filter(None, (missed_coverage(self.metrics), missed_accuracy(self.metrics))))

    def __repr__(self) -> str:
        return "Evaluation(" + ", ".join(f"{name}: {value}" for name, value in self.headline().items()) + ")"

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in self.headline().items())
        kinds: tuple[FigureKind, ...] = ("reliability", "confusion")
        charts = "".join(to_svg(self.plot(kind), f"{kind} of the predictions") for kind in kinds)
        return f'<table>{rows}</table><div style="display: flex; flex-wrap: wrap; gap: 1em">{charts}</div>'

    def to_dict(self) -> dict[str, Any]:
        """Return the object that ``evaluate --json`` prints."""
        extra = {"stress": self.stress, "open_set": self.open_set}
        content = self.metrics.to_dict() | {name: found.to_dict() for name, found in extra.items() if found is not None}
        if self.questions:
            content["questions"] = {
                name: one.metrics.to_dict() | {"num_unlabelled": one.unlabelled} for name, one in self.questions.items()
            }
        return content


def readable_predictions(records: RecordList, scores: Scores) -> Predictions:
    """Predictions for the photos that could be read."""
    rows = _readable(records, scores)
    return Predictions(scores.probabilities[rows], np.array(records.labels, dtype=np.int64)[rows])


def _readable(records: RecordList, scores: Scores) -> Ints:
    return np.array([index for index in range(len(records)) if index not in scores.errors], dtype=np.int64)


def write_rows(evaluation: Evaluation, classes: Sequence[str], out: Path) -> None:
    """Write a CSV with one row for each photo: truth, prediction, confidence, rank of the truth, error."""
    records, scores = evaluation.records, evaluation.scores
    with atomic_file(out) as draft, draft.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for index, record in enumerate(records):
            name = relative_path(record.path, records.root)
            truth = classes[record.label]
            if index in scores.errors:
                writer.writerow((name, truth, "", "", "", "", "", scores.errors[index]))
                continue
            row = scores.probabilities[index]
            best, own = int(row.argmax()), float(row[record.label])
            figures = (f"{row[best]:.6f}", f"{own:.6f}", 1 + int((row > own).sum()))
            writer.writerow((name, truth, classes[best], int(best == record.label), *figures, ""))
