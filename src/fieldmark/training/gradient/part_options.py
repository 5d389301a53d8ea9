"""Which parts a method with annotations learns, out of what the data have marked."""

from __future__ import annotations

from fieldmark.data.photos.annotations import demand_annotations, point_names
from fieldmark.errors import unknown_name
from fieldmark.layers.regions.part_boxes import part_groups
from fieldmark.settings.parts import PartRCNNSettings
from fieldmark.structures import RecordList
from fieldmark.training.gradient.annotated_photos import check_annotated

__all__ = ["choose_parts"]


def choose_parts(settings: PartRCNNSettings, train: RecordList) -> dict[str, list[str]]:
    """Part -> names of its points: the settings' own, or those that the data suggest.

    Raises:
        DataError: The data have no boxes or no parts.
        SettingError: A named point is not marked in the data, or an augmentation does not fit.
    """
    check_annotated(settings)
    demand_annotations(train, settings.method)
    known = point_names(train)
    parts = settings.parts if settings.parts is not None else part_groups(known)
    for point in (point for points in parts.values() for point in points):
        if point not in known:
            raise unknown_name("point", point, known)
    return {part: list(points) for part, points in parts.items()}
