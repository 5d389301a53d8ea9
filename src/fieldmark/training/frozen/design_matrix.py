"""Cached descriptors as the rows of a regression, read in chunks to limit memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fieldmark.arrays import Float32s, Ints

__all__ = ["Descriptors", "DesignMatrix", "Scaling", "fit_scaling"]


_CHUNK_BYTES = 12 << 20
_CHUNK_RECORDS = 512


class Descriptors(Protocol):
    """Descriptors of some records by name, such as a `FeatureTable`."""

    @property
    def views(self) -> int:
        """Number of views of each record."""

    def read(self, name: str, records: Ints, view: int = 0) -> Float32s:
        """Return one descriptor of one view of some records, (n, D_name)."""


@dataclass(frozen=True, slots=True)
class Scaling:
    """Scaling of a descriptor to zero mean and a mean squared norm of 1."""

    center: Float32s
    scale: float

    def __call__(self, rows: Float32s) -> Float32s:
        return (rows - self.center) * np.float32(self.scale)


def fit_scaling(table: Descriptors, name: str, positions: Ints, *, limit: int = 4000) -> Scaling:
    """Return the scaling of a descriptor, from the unmirrored views of about `limit` evenly spaced records."""
    step = max(1, len(positions) // limit)
    rows = table.read(name, positions[::step])
    center = rows.mean(0)
    starts = range(0, len(rows), _CHUNK_RECORDS)  # in parts, so that the rows are in memory only once
    energies = [np.square(rows[start : start + _CHUNK_RECORDS] - center).sum(1) for start in starts]
    energy = float(np.concatenate(energies).mean())
    return Scaling(center, 1.0 / np.sqrt(max(energy, 1e-12)))


class DesignMatrix:
    """Matrix of a regression: a row for each view of a record, with the scaled descriptors as columns.

    Args:
        table: Cached descriptors.
        positions: Records of the table, (n,).
        scalings: Name of the descriptor -> its scaling, in the order of the columns.
        views: Views of each record, such as 0 for the photo and 1 for its mirror image. Row r belongs to record
            r // len(views).
    """

    def __init__(
        self, table: Descriptors, positions: Ints, scalings: dict[str, Scaling], views: Sequence[int] = (0,)
    ) -> None:
        self.table = table
        self.positions = positions
        self.scalings = scalings
        self.views = tuple(views)
        self.dim = sum(len(scaling.center) for scaling in scalings.values())

    def __len__(self) -> int:
        return len(self.positions) * len(self.views)

    def read(self, start: int = 0, stop: int | None = None) -> Float32s:
        """Return the rows of records `start` to `stop`, (records * views, dim)."""
        chosen = self.positions[start:stop]
        views = [
            np.concatenate([scaling(self.table.read(name, chosen, view)) for name, scaling in self.scalings.items()], 1)
            for view in self.views
        ]
        return views[0] if len(views) == 1 else np.stack(views, 1).reshape(-1, self.dim)

    def chunks(self) -> Iterator[tuple[slice, Float32s]]:
        """Yield all rows in order, as (rows, values) of about 12 MB each."""
        records = max(1, _CHUNK_BYTES // (4 * self.dim * len(self.views)))
        for start in range(0, len(self.positions), records):
            values = self.read(start, start + records)
            yield slice(start * len(self.views), start * len(self.views) + len(values)), values
