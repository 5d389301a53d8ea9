"""The photos of a data set that are nearest to one of its photos, by their embeddings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import unit_rows
from fieldmark.check.inspect_data import Inspection
from fieldmark.review.items import usable_positions

__all__ = ["NearPhoto", "NearestPhotos"]


@dataclass(frozen=True, slots=True)
class NearPhoto:
    """A photo of the data near another one: its position in the records, and the cosine similarity."""

    photo: int
    similarity: float


class NearestPhotos:
    """Finds near photos that do not show the same moment.

    Args:
        found: What `inspect_data` found; without embeddings nothing is near.
    """

    def __init__(self, found: Inspection) -> None:
        self._usable = np.array(usable_positions(found), dtype=np.int64)
        self._row_of = {int(position): row for row, position in enumerate(self._usable)}
        self._vectors = None if found.embeddings is None else unit_rows(np.nan_to_num(found.embeddings))
        self._groups = np.array(found.seen.groups(found.duplicates), dtype=np.int64)

    def find(self, photo: int, is_wanted: Callable[[int], bool], count: int) -> list[NearPhoto]:
        """Return the nearest photos, the most similar first; empty for a photo that cannot be read.

        Args:
            photo: Position in the records.
            is_wanted: Whether another photo may be returned.
            count: Largest number of photos.
        """
        row = self._row_of.get(photo)
        if row is None or self._vectors is None:
            return []
        similarity = self._vectors @ self._vectors[row]
        found: list[NearPhoto] = []
        for other in np.argsort(-similarity, kind="stable"):
            if len(found) == count:
                break
            position = int(self._usable[other])
            if self._groups[other] != self._groups[row] and is_wanted(position):
                found.append(NearPhoto(position, float(similarity[other])))
        return found
