"""What limits the accuracy in the data: classes with few photos, classes that may be one, photos of one source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from fieldmark.arrays import Ints
from fieldmark.errors import listed
from fieldmark.evaluation.intervals import proportion

__all__ = ["FEW", "DataLimit", "find_limits", "is_rare"]

FEW = 10
"""A class with fewer training photos needs more, whatever the others have."""

_RARE = 0.5  # of the median of all classes
_TWIN_PHOTOS = 12
_TWIN_ACCURACY = 0.75
_TWIN_ERRORS = 3
_SOURCES = 2
_SOURCE_PHOTOS = 6


@dataclass(frozen=True, slots=True)
class DataLimit:
    """Something in the data that limits the accuracy.

    Attributes:
        kind: ``few_photos``, ``one_source`` or ``twins``.
        classes: The classes concerned, the worst first.
        message: One sentence.
        action: What to do.
    """

    kind: Literal["few_photos", "one_source", "twins"]
    classes: tuple[str, ...]
    message: str
    action: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def is_rare(photos: int, median: float) -> bool:
    """Return whether a class needs more photos before anything else: under 10, or under half of the median."""
    return photos < FEW or photos < _RARE * median


def find_limits(labels: Ints, groups: Ints, classes: Sequence[str], truth: Ints, predicted: Ints) -> list[DataLimit]:
    """Find limits of a data set from predictions of photos by models that did not see them.

    - Few photos: see `is_rare`.
    - Two classes that may be one: of at least 12 photos of the two that are predicted as one of them, so many are
      wrong that the 95% interval (Wilson) of their accuracy holds one half and stays below three quarters. There are
      at least 3 mistakes in each direction; otherwise one class only draws the photos of the other.
    - One source: a class of at least 6 photos from at most 2 groups, such as bursts.

    Args:
        labels: (n,) of the photos to learn from.
        groups: (n,) photos with equal numbers show the same moment or specimen.
        classes: Names.
        truth: (m,) labels of predicted photos, the same or others.
        predicted: (m,) by models that did not see them.
    """
    limits = [_few(labels, classes), _one_source(labels, groups, classes), *_twins(truth, predicted, classes)]
    return [limit for limit in limits if limit is not None]


def _few(labels: Ints, classes: Sequence[str]) -> DataLimit | None:
    counts = np.bincount(labels, minlength=len(classes))
    present = np.flatnonzero(counts)
    median = float(np.median(counts[present]))
    rare = sorted((int(label) for label in present if is_rare(int(counts[label]), median)), key=lambda k: counts[k])
    if not rare:
        return None
    names = listed([f"{classes[label]} ({counts[label]})" for label in rare])
    rest = f"; half of the classes have {median:.0f} or more" if counts[rare[0]] < median else ""
    action = f"add photos of {'it' if len(rare) == 1 else 'these'} first, of other days and places"
    return DataLimit("few_photos", tuple(classes[label] for label in rare), f"few photos of {names}{rest}", action)


def _one_source(labels: Ints, groups: Ints, classes: Sequence[str]) -> DataLimit | None:
    found = []
    for label in np.unique(labels):
        own = labels == label
        sources = len(np.unique(groups[own]))
        if own.sum() >= _SOURCE_PHOTOS and sources <= _SOURCES:
            found.append((int(own.sum()), sources, classes[label]))
    if not found:
        return None
    names = listed([f"{name} ({photos} photos of {sources})" for photos, sources, name in sorted(found)])
    return DataLimit(
        "one_source",
        tuple(name for _, _, name in sorted(found)),
        f"photos of one or two moments or sources: {names}",
        "add photos of other specimens: the model may know the scene and not the class",
    )


def _twins(labels: Ints, predicted: Ints, classes: Sequence[str]) -> list[DataLimit]:
    wrong = labels != predicted
    pairs = {(min(a, b), max(a, b)) for a, b in zip(labels[wrong].tolist(), predicted[wrong].tolist(), strict=True)}
    found = []
    for first, second in pairs:
        both = np.isin(labels, (first, second)) & np.isin(predicted, (first, second))
        right, total = int((both & ~wrong).sum()), int(both.sum())
        each_way = min(int((both & wrong & (labels == label)).sum()) for label in (first, second))
        if total < _TWIN_PHOTOS or each_way < _TWIN_ERRORS:
            continue
        share = proportion(right, total)
        if share.low <= 0.5 and share.high < _TWIN_ACCURACY:
            found.append((share.value, right, total, classes[first], classes[second]))
    return [
        DataLimit(
            "twins",
            (first, second),
            f"{first} and {second} may be one class: {right} of {total} photos are told apart, chance is about half",
            "look at both side by side; join them, or separate them by better labels or larger photos",
        )
        for _, right, total, first, second in sorted(found)
    ]
