"""Where the results of bulk work go: a folder of Parquet files, or a Lance table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from fieldmark.artifact.lance_tables import LANCE
from fieldmark.scale.lance_store import LanceStore
from fieldmark.scale.part_store import PartStore

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ResultStore", "store_at"]


class ResultStore(Protocol):
    """Takes the parts of a run, each of which is the result of one shard. It is pickled to go to workers."""

    @property
    def kind(self) -> str:
        """What the rows hold, for messages: "answers" or "embeddings"."""

    @property
    def is_table(self) -> bool:
        """Whether the result is one table rather than a file for each part."""

    def open(self, job: Mapping[str, Any]) -> set[int]:
        """Return the numbers of the parts that an earlier run of the same job wrote."""

    def write(self, number: int, table: pa.Table, failed: int) -> None:
        """Write a part, all of it or nothing."""

    def counts(self, numbers: Iterable[int]) -> tuple[int, int]:
        """Return how many photos some parts hold, and how many of these could not be read."""

    def job(self) -> dict[str, Any] | None:
        """Return what the run that made the results was given; None where there is none."""

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows that are there, in their order, many at a time; None reads all columns."""

    def finish(self, job: Mapping[str, Any], count: int) -> None:
        """Complete the result once all parts are written."""


def store_at(out: str, kind: str) -> ResultStore:
    """Return the place of results: a Lance table where its name ends in ``.lance``, else a folder of Parquet files."""
    place = out.rstrip("/") or out
    return LanceStore(place, kind) if place.endswith(LANCE) else PartStore(out, kind)
