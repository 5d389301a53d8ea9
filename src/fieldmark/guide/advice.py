"""Which photos would help, in words, as far as counts tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.evaluation.metrics import wilson_interval
from fieldmark.guide.look_alikes import Pair
from fieldmark.guide.sides import SideTable

__all__ = ["ClassCounts", "advise"]

FEW = 10
"""Training photos below which a class needs more, whatever the others have."""

_RARE = 0.5  # of the median of all classes
_UNEVEN = 2.0
_TIMES = 3
_SHARE = 0.4  # of a class's mistakes, from which a look-alike is named
_CHANCE = 0.05


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """What is known of one class.

    Attributes:
        name: The class.
        learned: Its training photos.
        asked: Its photos that were asked about.
        right: Those of them that are told rightly.
        sides: How its photos fare by the side that they show; None where parts do not tell.
    """

    name: str
    learned: int
    asked: int
    right: int
    sides: SideTable | None = None


def advise(
    label: int, counts: Sequence[ClassCounts], pairs: Sequence[Pair], *, median: float, top1: float
) -> list[str]:
    """Sentences on one class; none where nothing stands out from chance.

    Args:
        label: The class.
        counts: Of every class, by label.
        pairs: Look-alikes that the class is one of.
        median: Training photos of the middle class.
        top1: Share of all photos that are told rightly.
    """
    own = counts[label]
    found = [_few(own, median), _weak(label, counts, pairs, top1)]
    found += [_uneven(own, counts[pair.other(label)], pair, label) for pair in pairs]
    found.append(_side(own.sides) if own.sides else None)
    return [sentence for sentence in found if sentence is not None]


def _few(own: ClassCounts, median: float) -> str | None:
    if own.learned == 0:
        return None  # enrolled, or the training photos are not here
    if own.learned < FEW or own.learned < _RARE * median:
        rest = f", where half of the classes have {median:.0f} or more" if own.learned < median else ""
        return f"Learned from {_photos(own.learned)}{rest}: more photos come first."
    return None


def _weak(label: int, counts: Sequence[ClassCounts], pairs: Sequence[Pair], top1: float) -> str | None:
    """Said where even the upper end of the 95 % interval lies below the share of all photos."""
    own = counts[label]
    if not own.asked or wilson_interval(own.right, own.asked)[1] >= top1:
        return None
    below = f"Right on {own.right} of {own.asked}, below the {top1:.0%}".replace("%", "\u00a0%")
    below += " over all classes by more than chance"
    worst = max(pairs, key=lambda pair: pair.called(label), default=None)
    if worst is None or worst.called(label) < max(_TIMES, _SHARE * (own.asked - own.right)):
        return f"{below}: more photos, and a look at its labels."
    lost, won, other = worst.called(label), worst.called(worst.other(label)), counts[worst.other(label)].name
    return (
        f"{below}. {lost} are called {other} ({won} the other way): "
        "more photos that show what tells the two apart, and a look at the labels of both."
    )


def _uneven(own: ClassCounts, other: ClassCounts, pair: Pair, label: int) -> str | None:
    """Said where the class loses photos to a look-alike that has many more."""
    lost, won = pair.called(label), pair.called(pair.other(label))
    if lost >= _TIMES and lost > won and 0 < own.learned * _UNEVEN <= other.learned:
        return (
            f"{lost} times called {other.name} ({won} the other way), which has {other.learned} training photos "
            f"against {own.learned}: even them out."
        )
    return None


def _side(table: SideTable) -> str | None:
    """Said where one view is told less often by more than chance (Fisher's exact test)."""
    from scipy.stats import fisher_exact

    views = (
        (table.both, table.both_right, _both(table)),
        (table.one, table.one_right, f"with one {table.part} in view"),
    )
    if not table.both or not table.one:
        return None
    square = np.array([[right, photos - right] for photos, right, _ in views])
    if float(fisher_exact(square)[1]) >= _CHANCE:
        return None
    worse, better = sorted(views, key=lambda view: view[1] / view[0])
    return (
        f"{worse[2].capitalize()} right on {worse[1]} of {worse[0]}, {better[2]} on {better[1]} of {better[0]}: "
        f"more photos {worse[2]}."
    )


def _both(table: SideTable) -> str:
    return "from the front" if table.part == "eye" else f"with both {table.part}s in view"


def _photos(count: int) -> str:
    return f"{count} photo{'s' if count != 1 else ''}"
