"""Rows of the feature cache as the descriptors of some records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fieldmark.arrays import Ints
from fieldmark.backbones.feature_cache import FeatureCache
from fieldmark.errors import PhotoError

__all__ = ["FeatureTable"]


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Rows and columns of some records' descriptors in the cache.

    Attributes:
        rows: (n, V) row numbers, -1 for photos that cannot be read. The views are the photo and, where they were read,
            its mirror image; with zoom, as many zoomed ones follow.
        columns: Name of the descriptor -> its columns.
        failed: Position of the record -> why its photo cannot be read.
    """

    cache: FeatureCache
    rows: Ints
    columns: Mapping[str, slice]
    failed: Mapping[int, str]

    def read(self, name: str, records: Ints | slice = slice(None), view: int = 0) -> NDArray[np.float32]:
        """Return one descriptor of one view, (n, D_name) float32.

        Raises:
            PhotoError: One of the photos cannot be read.
        """
        for position in np.arange(len(self.rows))[records] if self.failed else ():
            if int(position) in self.failed:
                raise PhotoError(self.failed[int(position)])
        return self.cache.read(self.rows[records, view], self.columns[name])

    @property
    def views(self) -> int:
        return int(self.rows.shape[1])
