"""Advice on which photos to collect, from photo counts and mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.evaluation.data_limits import is_rare
from fieldmark.evaluation.intervals import proportion
from fieldmark.guide.look_alikes import LookAlikes
from fieldmark.guide.sides import SideTable

__all__ = ["ClassCounts", "advise"]

_UNEVEN = 2.0
_TIMES = 3
_SHARE = 0.4  # share of a class's mistakes from which on a look-alike is named
_CHANCE = 0.05


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Photo counts of one class.

    Attributes:
        name: The class.
        trained: Its training photos.
        tested: Its tested photos.
        correct: Tested photos that are predicted correctly.
        sides: Accuracy by the side that the photos show; None without paired parts.
    """

    name: str
    trained: int
    tested: int
    correct: int
    sides: SideTable | None = None


def advise(
    label: int, counts: Sequence[ClassCounts], pairs: Sequence[LookAlikes], *, median: float, top1: float
) -> list[str]:
    """Return sentences on one class; none if nothing differs from the other classes by more than chance.

    Args:
        label: The class.
        counts: Counts of every class, by label.
        pairs: Pairs of look-alikes with this class.
        median: Median number of training photos.
        top1: Accuracy on all tested photos.
    """
    own = counts[label]
    found = [_few(own, median), _weak(label, counts, pairs, top1)]
    found += [_uneven(own, counts[pair.other(label)], pair, label) for pair in pairs]
    found.append(_side(own.sides) if own.sides else None)
    return [sentence for sentence in found if sentence is not None]


def _few(own: ClassCounts, median: float) -> str | None:
    if own.trained == 0:
        return None  # enrolled, or the training photos are not here
    if is_rare(own.trained, median):
        rest = f"; half of the classes have {median:.0f} or more" if own.trained < median else ""
        return f"Add photos: it was trained on only {_photos(own.trained)}{rest}."
    return None


def _weak(label: int, counts: Sequence[ClassCounts], pairs: Sequence[LookAlikes], top1: float) -> str | None:
    """Only if even the upper end of the 95% interval is below the accuracy on all photos."""
    own = counts[label]
    if not own.tested or proportion(own.correct, own.tested).high >= top1:
        return None
    below = f"Only {own.correct} of {own.tested} are correct, against {top1:.0%} over all classes"
    worst = max(pairs, key=lambda pair: pair.called(label), default=None)
    if worst is None or worst.called(label) < max(_TIMES, _SHARE * (own.tested - own.correct)):
        return f"{below}: add photos and check its labels."
    lost, won, other = worst.called(label), worst.called(worst.other(label)), counts[worst.other(label)].name
    return (
        f"{below}. {lost} are predicted as {other} ({won} the other way): "
        "add photos that show what separates the two, and check the labels of both."
    )


def _uneven(own: ClassCounts, other: ClassCounts, pair: LookAlikes, label: int) -> str | None:
    """Only if the class loses photos to a look-alike that has many more training photos."""
    lost, won = pair.called(label), pair.called(pair.other(label))
    if lost >= _TIMES and lost > won and 0 < own.trained * _UNEVEN <= other.trained:
        return (
            f"{lost} photos are predicted as {other.name} ({won} the other way), which has {other.trained} training "
            f"photos against {own.trained}: add photos of this class."
        )
    return None


def _side(table: SideTable) -> str | None:
    """Only if one view has a lower accuracy by more than chance (Fisher's exact test)."""
    from scipy.stats import fisher_exact

    views = (
        (table.both, table.both_correct, _both(table)),
        (table.one, table.one_correct, f"with one {table.part} visible"),
    )
    if not table.both or not table.one:
        return None
    square = np.array([[correct, photos - correct] for photos, correct, _ in views])
    if float(fisher_exact(square)[1]) >= _CHANCE:
        return None
    worse, better = sorted(views, key=lambda view: view[1] / view[0])
    return (
        f"{worse[1]} of {worse[0]} photos {worse[2]} are correct, but {better[1]} of {better[0]} {better[2]}: "
        f"add photos {worse[2]}."
    )


def _both(table: SideTable) -> str:
    return "from the front" if table.part == "eye" else f"with both {table.part}s visible"


def _photos(count: int) -> str:
    return f"{count} photo{'s' if count != 1 else ''}"
