"""The reliability diagram: of the answers at one confidence, how many are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Floats, Ints
from fieldmark.evaluation.metrics import wilson_interval

__all__ = ["Bin", "Diagram", "draw_reliability", "reliability_bins"]


BINS = 15
_SIDE, _LEFT, _TOP = 320.0, 46.0, 10.0
_BARS = 54.0
_FAINT = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers whose confidence lies in one range.

    Attributes:
        confidence: Their mean confidence.
        accuracy: Share of them that is right.
        low: Lower end of its 95 % Wilson interval.
        high: Upper end.
        photos: Their number.
    """

    confidence: float
    accuracy: float
    low: float
    high: float
    photos: int


@dataclass(frozen=True, slots=True)
class Dot:
    """A bin in pixels: its place, its interval, its bar below, and whether few photos make it faint."""

    x: float
    y: float
    top: float
    bottom: float
    bar: float
    faint: bool
    title: str


@dataclass(frozen=True, slots=True)
class Diagram:
    """Everything that the drawing needs, in pixels."""

    width: float
    height: float
    left: float
    top: float
    side: float
    base: float
    dots: tuple[Dot, ...]
    ticks: tuple[tuple[float, float, str], ...]


def reliability_bins(probabilities: Floats, labels: Ints, bins: int = BINS) -> list[Bin]:
    """Equal-width bins that hold photos, by rising confidence; the same bins as the calibration error's."""
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    found = []
    for index in np.unique(which):
        inside = which == index
        hits, total = int(right[inside].sum()), int(inside.sum())
        found.append(Bin(float(confidence[inside].mean()), hits / total, *wilson_interval(hits, total), total))
    return found


def draw_reliability(bins: list[Bin]) -> Diagram:
    """The diagram: accuracy over confidence with its interval, and below how many photos each bin holds."""
    most = max(one.photos for one in bins)

    def x(share: float) -> float:
        return round(_LEFT + share * _SIDE, 1)

    def y(share: float) -> float:
        return round(_TOP + (1 - share) * _SIDE, 1)

    dots = tuple(
        Dot(
            x=x(one.confidence),
            y=y(one.accuracy),
            top=y(one.high),
            bottom=y(one.low),
            bar=round(_BARS * one.photos / most, 1),
            faint=one.photos < _FAINT,
            title=f"{one.photos:,} photos, confidence {one.confidence:.0%}, right {one.accuracy:.0%}",
        )
        for one in bins
    )
    ticks = tuple((x(share), y(share), f"{share:.0%}".replace("%", " %")) for share in (0.0, 0.25, 0.5, 0.75, 1.0))
    base = _TOP + _SIDE + 26 + _BARS
    return Diagram(_LEFT + _SIDE + 24, base + 24, _LEFT, _TOP, _SIDE, base, dots, ticks)
