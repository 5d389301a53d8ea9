"""Every figure of the pages and of notebooks, drawn with matplotlib.

Each function returns a matplotlib `Figure`; `to_svg` turns it into SVG for a page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldmark.evaluation.comparison import MethodRow
from fieldmark.evaluation.confused_block import confusion_counts, most_confused_block
from fieldmark.evaluation.figure_style import PALETTE, new_figure, percent_axes, styled, tip
from fieldmark.evaluation.labelled_predictions import Predictions
from fieldmark.evaluation.learning_curve import LearningCurve
from fieldmark.evaluation.reliability import Bin, CoverageLevel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "confusion_figure",
    "coverage_figure",
    "learning_curve_figure",
    "loss_figure",
    "methods_figure",
    "reliability_figure",
]

_FEW_PHOTOS = 10
_LARGE_CELLS = 14
_CELL = 24  # pixels
_LABEL = 30
_DASHES = ("-", "--", ":", "-.")


@styled
def reliability_figure(bins: Sequence[Bin]) -> Figure:
    """Accuracy against confidence with 95% intervals, and a histogram of the confidences below."""
    figure = new_figure(380, 440)
    top, low = figure.subplots(2, 1, sharex=True, height_ratios=(5, 1))
    top.plot([0, 1], [0, 1], color=PALETTE["base"], linestyle="--", linewidth=1.5)
    most = max(one.photos for one in bins)
    for one in bins:
        alpha = 0.4 if one.photos < _FEW_PHOTOS else 1.0
        note = f"{one.photos:,} photos, confidence {one.confidence:.0%}, accuracy {one.accuracy.value:.0%}"
        span = [one.accuracy.low, one.accuracy.high]
        top.plot([one.confidence] * 2, span, color=PALETTE["ink"], linewidth=1.5, alpha=alpha)
        dot = top.plot([one.confidence], [one.accuracy.value], "o", color=PALETTE["good"], markersize=8, alpha=alpha)
        bar = low.bar(one.confidence, one.photos / most, width=0.045, color=PALETTE["bar"], alpha=alpha)
        for artist in (*dot, *bar):
            tip(artist, note)
    top.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="accuracy")
    low.set(xlabel="confidence", ylabel="photos", yticks=[])
    low.grid(False)
    percent_axes(top, "xy")
    return figure


@styled
def coverage_figure(levels: Sequence[CoverageLevel]) -> Figure:
    """Measured against target coverage of the prediction sets, with 95% intervals."""
    figure = new_figure(380, 300)
    axes = figure.subplots()
    start = min(0.75, *(one.coverage.low for one in levels)) - 0.03
    axes.plot([max(start, 0.75), 1], [max(start, 0.75), 1], color=PALETTE["base"], linestyle="--", linewidth=1.5)
    for one in levels:
        axes.plot([one.target] * 2, [one.coverage.low, one.coverage.high], color=PALETTE["ink"], linewidth=1.5)
        (dot,) = axes.plot([one.target], [one.coverage.value], "o", color=PALETTE["good"], markersize=8)
        tip(dot, f"target {one.target:.0%}, measured {one.coverage.value:.1%}, {one.size:.2f} classes per set")
    axes.set(xlim=(0.75, 1.005), ylim=(start, 1.005), xlabel="target coverage", ylabel="measured coverage")
    percent_axes(axes, "xy")
    return figure


@styled
def confusion_figure(predictions: Predictions, classes: Sequence[str]) -> Figure:
    """Confusion matrix in shares of each true class. With many classes: the block that is confused most.

    `most_confused_block` chooses and orders the classes.
    """
    shown = most_confused_block(predictions, len(classes))
    matrix = confusion_counts(predictions, shown)
    totals = np.bincount(predictions.labels, minlength=len(classes))[shown]
    side = max(300, _CELL * len(shown))
    figure = new_figure(side + 160, side + 120)
    axes = figure.subplots()
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            _cell(axes, row, column, int(count), int(totals[row]), [classes[label] for label in shown])
    names = [_short(classes[label]) for label in shown]
    places = range(len(shown))
    axes.set(xlim=(-0.5, len(shown) - 0.5), ylim=(len(shown) - 0.5, -0.5), xlabel="predicted")
    axes.set_ylabel("true class", labelpad=12)  # the page's font may be wider than matplotlib's
    axes.set_aspect("equal")
    axes.set_xticks(places, names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, names)
    axes.grid(False)
    return figure


@styled
def loss_figure(histories: Sequence[Mapping[str, Sequence[float]]]) -> Figure:
    """Loss of each epoch on the train photos and, if there are any, on the val photos.

    Args:
        histories: One for each member: ``train_loss`` and ``val_loss``.
    """
    from matplotlib.ticker import MaxNLocator

    figure = new_figure(460, 280)
    axes = figure.subplots()
    for number, history in enumerate(histories, 1):
        for split, colour in (("train", "bar"), ("val", "good")):
            values = history.get(f"{split}_loss", ())
            name = split if len(histories) == 1 else f"{split}, member {number}"
            if len(values):
                style = _DASHES[(number - 1) % len(_DASHES)]
                axes.plot(range(1, len(values) + 1), values, style, color=PALETTE[colour], marker=".", label=name)
    axes.set(xlabel="epoch", ylabel="loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    return figure


@styled
def methods_figure(rows: Sequence[MethodRow], baseline: str) -> Figure:
    """Dot plot of the methods' top-1 accuracy, the best first, with the range over the seeds.

    Dots rather than bars, because the scale does not always start at zero.
    """
    order = sorted(rows, key=lambda row: -(row.mean or 0.0))
    figure = new_figure(560, 60 + 30 * len(rows))
    axes = figure.subplots()
    for place, row in enumerate(order):
        mean, is_baseline = row.mean or 0.0, row.label == baseline
        if is_baseline:
            axes.axvline(mean, color=PALETTE["base"], linestyle="--", linewidth=1.5)
        axes.plot([min(row.top1), max(row.top1)], [place] * 2, "|-", color=PALETTE["ink"], linewidth=1.5)
        (dot,) = axes.plot([mean], [place], "o", color=PALETTE["base" if is_baseline else "bar"], markersize=11)
        tip(dot, f"{row.label}: {mean:.1%}")
        axes.annotate(f"{mean:.1%}", (1.03, place), xycoords=("axes fraction", "data"), va="center")
    start, stop, step = accuracy_scale([value for row in rows for value in row.top1])
    axes.set(xlim=(start, stop), ylim=(len(rows) - 0.5, -0.5), xlabel="top-1 accuracy")
    axes.set_xticks(np.arange(start, stop + step / 2, step))
    axes.set_yticks(range(len(rows)), [_short(row.label) for row in order])
    axes.grid(False, axis="y")
    percent_axes(axes, "x")
    return figure


@styled
def learning_curve_figure(curve: LearningCurve) -> Figure:
    """Accuracy against photos per class, measured and extrapolated, with 95% intervals."""
    figure = new_figure(560, 320)
    axes = figure.subplots()
    counts = [point.photos_per_class for point in curve.points]
    values = [point.accuracy.value for point in curve.points]
    start = sum(point.measured for point in curve.points) - 1
    axes.plot(counts[: start + 1], values[: start + 1], color=PALETTE["bar"], linewidth=1.5)
    axes.plot(counts[start:], values[start:], color=PALETTE["base"], linestyle="--", linewidth=1.5)
    for point in curve.points:
        interval = [point.accuracy.low, point.accuracy.high]
        axes.plot([point.photos_per_class] * 2, interval, color=PALETTE["ink"], linewidth=1.5)
        colour = PALETTE["good" if point.measured else "base"]
        (dot,) = axes.plot([point.photos_per_class], [point.accuracy.value], "o", color=colour, markersize=8)
        kind = "measured" if point.measured else "extrapolated"
        tip(dot, f"{point.photos_per_class:.1f} photos per class: {point.accuracy.value:.1%}, {kind}")
    axes.set(xscale="log", xlabel="photos per class", ylabel="accuracy")
    axes.set_xticks(counts, [f"{count:.0f}" for count in counts])
    axes.minorticks_off()
    percent_axes(axes, "y")
    return figure


def accuracy_scale(values: Sequence[float]) -> tuple[float, float, float]:
    """Start, stop and step of an axis in round percents that keeps close values apart."""
    lowest, highest = 100 * min(values), 100 * max(values)
    start = 0.0 if lowest < 40 or highest - lowest > 0.4 * highest else 10.0 * math.floor((lowest - 5) / 10)
    step = 20 if highest - start > 50 else 10 if highest - start > 20 else 5
    stop = max(min(100.0, step * math.ceil(highest / step)), start + step)
    return start / 100, stop / 100, step / 100


def _cell(axes: Axes, row: int, column: int, count: int, total: int, names: Sequence[str]) -> None:
    from matplotlib.patches import Rectangle

    colour = PALETTE["good" if row == column else "bad"]
    alpha = 0.1 + 0.45 * count / total  # text stays readable on the strongest colour
    cell = Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, facecolor=colour, alpha=alpha, linewidth=0)
    axes.add_patch(cell)
    tip(cell, f"{count} of {total} {names[row]} predicted as {names[column]}")
    size = 12 if len(names) <= _LARGE_CELLS else 10 if count < 100 else 8
    axes.text(column, row, str(count), ha="center", va="center", fontsize=size)


def _short(label: str) -> str:
    return label if len(label) <= _LABEL else label[: _LABEL - 1] + "…"
