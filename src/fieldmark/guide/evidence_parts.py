"""Share of the evidence on each annotated part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Bools, Float64s
from fieldmark.explain import PhotoEvidence
from fieldmark.structures import Record

__all__ = ["BACKGROUND", "PartShare", "merged_name", "net_on_photo", "part_shares"]

BACKGROUND = ""
"""Name for what lies outside the object's box."""

_FINE = 8  # samples along each side of a map cell
_SIDE = re.compile(r"^(left|right)[\s_-]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PartShare:
    """Evidence nearest to one part.

    Attributes:
        name: The part without its side; `BACKGROUND` for what lies outside the box.
        share: Share of the evidence for the true class, over all photos.
        area: Mean share of the object's area, which uniform evidence would give.
    """

    name: str
    share: float
    area: float

    @property
    def excess(self) -> float:
        """Share of the evidence beyond the share of the area."""
        return self.share - self.area


def merged_name(name: str) -> str:
    """Return the part without its side: ``left eye`` and ``right eye`` become ``eye``."""
    return _SIDE.sub("", name).replace("_", " ")


def part_shares(found: Sequence[tuple[PhotoEvidence, Record]]) -> list[PartShare]:
    """Return the share of each part, the largest excess first and the background last.

    Positive and negative contributions of a part cancel, within a photo and over the photos, before parts with a
    negative sum are set to 0: noise cancels, a field mark does not.

    Photos without visible parts are ignored; without any photo the list is empty.
    """
    tables = [table for evidence, record in found if (table := net_on_photo(evidence, record))]
    names = sorted({name for table in tables for name in table})
    means = {name: np.mean([table.get(name, (0.0, 0.0)) for table in tables], axis=0) for name in names}
    total = sum(max(net, 0.0) for net, _ in means.values())
    shares = [
        PartShare(name, float(max(net, 0.0) / total) if total > 0 else 0.0, float(area))
        for name, (net, area) in means.items()
    ]
    return sorted(shares, key=lambda one: (one.name == BACKGROUND, -one.excess))


def net_on_photo(evidence: PhotoEvidence, record: Record) -> dict[str, tuple[float, float]]:
    """Return part -> its sum of the fine contrast, and its share of the object's area.

    Each map cell is divided into small squares. A square counts for the nearest visible part, or for the background if
    it lies outside the box or the photo. Contributions are divided by the sum of all absolute values, so that photos
    count equally; areas are shares of what lies inside.
    """
    visible = [part for part in record.parts if part.visible]
    strength = float(np.abs(evidence.fine).sum())
    if not visible or strength <= 0:
        return {}
    x, y, each = _samples(evidence, evidence.fine / strength)
    inside = _inside(evidence, record, x, y)
    points = np.array([(part.x, part.y) for part in visible])
    nearest = ((x[:, None] - points[:, 0]) ** 2 + (y[:, None] - points[:, 1]) ** 2).argmin(1)
    names = [merged_name(part.name) for part in visible]
    table: dict[str, tuple[float, float]] = {}
    for name in dict.fromkeys(names):
        own = np.isin(nearest, [index for index, other in enumerate(names) if other == name]) & inside
        table[name] = (float(each[own].sum()), float(own.sum() / max(1, inside.sum())))
    if record.box is not None:
        table[BACKGROUND] = (float(each[~inside].sum()), 0.0)
    return table


def _samples(evidence: PhotoEvidence, weights: Float64s) -> tuple[Float64s, Float64s, Float64s]:
    """x, y and evidence of the small squares."""
    rows, columns = (count * _FINE for count in weights.shape)
    x1, y1, x2, y2 = evidence.frame
    x = x1 + (np.arange(columns) + 0.5) * (x2 - x1) / columns
    y = y1 + (np.arange(rows) + 0.5) * (y2 - y1) / rows
    grid_x, grid_y = np.meshgrid(x, y)
    each = np.kron(weights, np.ones((_FINE, _FINE))) / _FINE**2
    return grid_x.ravel(), grid_y.ravel(), each.ravel()


def _inside(evidence: PhotoEvidence, record: Record, x: Float64s, y: Float64s) -> Bools:
    x1, y1, x2, y2 = record.box or (0.0, 0.0, float(evidence.size[0]), float(evidence.size[1]))
    return (x >= x1) & (x < x2) & (y >= y1) & (y < y2)
