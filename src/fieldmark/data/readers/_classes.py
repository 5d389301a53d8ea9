"""From a data set's own class ids to 0-based labels."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["contiguous"]


def contiguous(ids: Iterable[int]) -> dict[int, int]:
    """The label of each id: sorted ids without gaps, so that a subset with ids of its own is a set like any
    other.

    >>> contiguous([7, 3, 7, 5])
    {3: 0, 5: 1, 7: 2}
    """
    return {class_id: label for label, class_id in enumerate(sorted(set(ids)))}
