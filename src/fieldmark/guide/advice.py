"""Advice on which photos to collect, from photo counts and mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.evaluation.data_limits import is_rare
from fieldmark.evaluation.intervals import proportion
from fieldmark.guide.guide_texts import GuideTexts
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
    label: int,
    counts: Sequence[ClassCounts],
    pairs: Sequence[LookAlikes],
    *,
    median: float,
    top1: float,
    texts: GuideTexts,
) -> list[str]:
    """Return sentences on one class; none if nothing differs from the other classes by more than chance.

    Args:
        label: The class.
        counts: Counts of every class, by label.
        pairs: Pairs of look-alikes with this class.
        median: Median number of training photos.
        top1: Accuracy on all tested photos.
        texts: Of the language.
    """
    own = counts[label]
    found = [_few(own, median, texts), _weak(label, counts, pairs, top1, texts)]
    found += [_uneven(own, counts[pair.other(label)], pair, label, texts) for pair in pairs]
    found.append(_side(own.sides, texts) if own.sides else None)
    return [sentence for sentence in found if sentence is not None]


def _few(own: ClassCounts, median: float, texts: GuideTexts) -> str | None:
    if own.trained == 0 or not is_rare(own.trained, median):
        return None  # without training photos it is enrolled, or they are not here
    photos = texts.photos(own.trained)
    if own.trained < median:
        return texts("advice_few_median", photos=photos, median=f"{median:.0f}")
    return texts("advice_few", photos=photos)


def _weak(
    label: int, counts: Sequence[ClassCounts], pairs: Sequence[LookAlikes], top1: float, texts: GuideTexts
) -> str | None:
    """Only if even the upper end of the 95% interval is below the accuracy on all photos."""
    own = counts[label]
    if not own.tested or proportion(own.correct, own.tested).high >= top1:
        return None
    below = {"correct": own.correct, "tested": own.tested, "top1": f"{top1:.0%}"}
    worst = max(pairs, key=lambda pair: pair.called(label), default=None)
    if worst is None or worst.called(label) < max(_TIMES, _SHARE * (own.tested - own.correct)):
        return texts("advice_weak", **below)
    other = worst.other(label)
    ways = {"lost": worst.called(label), "won": worst.called(other), "other": counts[other].name}
    return texts("advice_weak_pair", **below, **ways)


def _uneven(own: ClassCounts, other: ClassCounts, pair: LookAlikes, label: int, texts: GuideTexts) -> str | None:
    """Only if the class loses photos to a look-alike that has many more training photos."""
    lost, won = pair.called(label), pair.called(pair.other(label))
    if lost >= _TIMES and lost > won and 0 < own.trained * _UNEVEN <= other.trained:
        return texts("advice_uneven", lost=lost, won=won, other=other.name, others=other.trained, own=own.trained)
    return None


def _side(table: SideTable, texts: GuideTexts) -> str | None:
    """Only if one view has a lower accuracy by more than chance (Fisher's exact test)."""
    from scipy.stats import fisher_exact

    both = texts("view_front") if table.part == "eye" else texts("view_both", part=table.part)
    views = (
        (table.both, table.both_correct, both),
        (table.one, table.one_correct, texts("view_one", part=table.part)),
    )
    if not table.both or not table.one:
        return None
    square = np.array([[correct, photos - correct] for photos, correct, _ in views])
    if float(fisher_exact(square)[1]) >= _CHANCE:
        return None
    (bad_photos, bad, bad_view), (good_photos, good, good_view) = sorted(views, key=lambda view: view[1] / view[0])
    return texts(
        "advice_side",
        bad=bad,
        bad_photos=bad_photos,
        bad_view=bad_view,
        good=good,
        good_photos=good_photos,
        good_view=good_view,
    )
