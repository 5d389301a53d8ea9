"""The dot plot of a comparison: where each dot, its range and the labels lie, for the template to draw as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fieldmark.compare.method_table import Line

__all__ = ["Chart", "Dot", "draw_chart"]

_LEFT, _RIGHT, _ROW, _TOP = 240, 70, 30, 8
_WIDTH = 900


@dataclass(frozen=True, slots=True)
class Dot:
    """One method, in pixels: `x` is the mean, `low` and `high` the lowest and highest seed."""

    label: str
    y: float
    x: float
    low: float
    high: float
    value: str
    is_baseline: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything that the drawing needs, in pixels."""

    width: int
    height: int
    left: int
    row: int
    dots: tuple[Dot, ...]
    ticks: tuple[tuple[float, str], ...]
    baseline: float | None


def draw_chart(lines: Sequence[Line], baseline: str) -> Chart | None:
    """Dots by falling accuracy on a scale of round percents; None without lines.

    Dots and not bars, whose length would mean nothing on a scale that does not start at zero.
    """
    if not lines:
        return None
    means = [100 * (line.mean or 0.0) for line in lines]
    lowest = min(100 * min(line.top1) for line in lines)
    highest = max(100 * max(line.top1) for line in lines)
    start = 0.0 if lowest < 40 or highest - lowest > 0.4 * highest else 10 * math.floor((lowest - 5) / 10)
    step = 20 if highest - start > 50 else 10 if highest - start > 20 else 5
    stop = min(100.0, step * math.ceil(highest / step))
    stop = max(stop, start + step)

    def x(percent: float) -> float:
        return round(_LEFT + (percent - start) / (stop - start) * (_WIDTH - _LEFT - _RIGHT), 1)

    order = sorted(range(len(lines)), key=lambda index: -means[index])
    dots = tuple(
        Dot(
            label=_short(lines[index].label),
            y=_TOP + place * _ROW,
            x=x(means[index]),
            low=x(100 * min(lines[index].top1)),
            high=x(100 * max(lines[index].top1)),
            value=f"{means[index]:.1f} %",
            is_baseline=lines[index].label == baseline,
        )
        for place, index in enumerate(order)
    )
    ticks = tuple((x(tick), f"{tick:.0f} %") for tick in _ticks(start, stop, step))
    line = next((dot.x for dot in dots if dot.is_baseline), None)
    height = _TOP + _ROW * len(dots) + 26
    return Chart(_WIDTH, height, _LEFT, _ROW, dots, ticks, line)


def _ticks(start: float, stop: float, step: float) -> list[float]:
    return [start + step * index for index in range(int((stop - start) / step + 1e-9) + 1)]


def _short(label: str, limit: int = 30) -> str:
    return label if len(label) <= limit else label[: limit - 1] + "…"
