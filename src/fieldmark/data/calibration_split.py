"""Role of each photo in a fit. Part of val calibrates: nothing else is chosen by those photos."""

from __future__ import annotations

from collections.abc import Sequence

from fieldmark.structures import RecordList, Role

__all__ = ["CALIBRATION_SHARE", "assign_roles"]

CALIBRATION_SHARE = 0.5
"""Of the val photos. The others serve for early stopping, temperatures and thresholds."""

_ENOUGH = 19  # photos that guarantee a coverage of 0.95
_SHARE_OF_FEW = 0.75


def assign_roles(records: RecordList, groups: Sequence[int], content_keys: Sequence[str]) -> tuple[Role, ...]:
    """Return the role of each record: its split, and ``calibration`` for part of val.

    Half of val calibrates, and where val is small three quarters of it, up to 19 photos. Groups stay together; those
    with the largest content keys come first. So the choice depends only on the photos' contents: the same photos
    always get the same roles.

    Args:
        records: Photos; each has a split.
        groups: A number for each; photos with equal numbers show the same moment.
        content_keys: Hash of each file's bytes.
    """
    roles: list[Role] = [record.split or "train" for record in records]
    val = [row for row, role in enumerate(roles) if role == "val"]
    members: dict[int, list[int]] = {}
    for row in val:
        members.setdefault(int(groups[row]), []).append(row)
    by_key = sorted(members.values(), key=lambda group: max(content_keys[row] for row in group), reverse=True)
    missing = max(round(CALIBRATION_SHARE * len(val)), min(_ENOUGH, round(_SHARE_OF_FEW * len(val))))
    for group in by_key:
        if len(group) <= missing:
            missing -= len(group)
            for row in group:
                roles[row] = "calibration"
    return tuple(roles)
