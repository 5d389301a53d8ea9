"""Val photos that nothing is chosen by: what is promised of a model's answers is measured on them alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fieldmark.structures import RecordList

__all__ = ["HELD_SHARE", "held_out"]

HELD_SHARE = 0.5
"""Of the val photos. The others serve for early stopping, temperatures and thresholds of other kinds."""

_ENOUGH = 19  # photos that vouch for a coverage of 0.95
_SHARE_OF_FEW = 0.75


def held_out(records: RecordList, groups: Sequence[int], content_keys: Mapping[Path, str]) -> NDArray[np.bool_]:
    """Which records are held out, (n,); only val photos are.

    Half of val, and where val is small three quarters of it up to 19 photos. Groups go as a whole, those with the
    largest keys first: a draw that depends on the photos' contents alone, so that everybody who asks about the same
    photos finds the same ones.

    Args:
        records: All photos with their splits.
        groups: A number for each; photos with equal numbers show the same moment.
        content_keys: Hashes of the files.
    """
    val = [index for index, record in enumerate(records) if record.split == "val"]
    members: dict[int, list[int]] = {}
    for index in val:
        members.setdefault(int(groups[index]), []).append(index)
    by_key = sorted(members.values(), key=lambda group: max(content_keys[records[i].path] for i in group), reverse=True)
    held = np.zeros(len(records), dtype=np.bool_)
    wanted = max(round(HELD_SHARE * len(val)), min(_ENOUGH, round(_SHARE_OF_FEW * len(val))))
    for group in by_key:
        if held.sum() + len(group) <= wanted:
            held[group] = True
    return held
