"""A Lance table of bulk results, which appears when all its parts are written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fieldmark.artifact.lance_tables import LANCE, STORES, connect, writing
from fieldmark.data.photos.stored_photo import is_stored
from fieldmark.errors import SettingError
from fieldmark.scale.part_store import PartStore, file_system, holds_something_else, require_same_job

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LanceStore"]

_BATCH = 1024
_FACTS = b"fieldmark.bulk"
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class LanceStore:
    """A table ``NAME.lance`` in a folder, or at an address such as ``s3://bucket/NAME.lance``.

    Workers write Parquet parts into ``NAME.lance.parts``. When all are there, this process writes them into the table
    in their order, in one commit, and deletes them. So the table has all rows or does not exist, whatever ends early.

    Attributes:
        place: The table.
        kind: What the rows hold, for messages.
    """

    place: str
    kind: str

    @property
    def is_table(self) -> bool:
        return True

    def open(self, job: Mapping[str, Any]) -> set[int]:
        """Return the numbers of the parts that an earlier run of the same job wrote; all of them if the table is there.

        Raises:
            SettingError: The place cannot hold a table, or holds something else.
        """
        self._require_place()
        facts = self._facts()
        if facts is None:
            return self._parts.open(job)
        require_same_job(self.place, self.kind, facts["job"], job)
        return set(range(facts["parts"]))

    def write(self, number: int, table: pa.Table, failed: int) -> None:
        """Write a part; see `PartStore.write`."""
        self._parts.write(number, table, failed)

    def counts(self, numbers: Iterable[int]) -> tuple[int, int]:
        """Return how many photos some parts hold, and how many of these could not be read."""
        facts = self._facts()
        return self._parts.counts(numbers) if facts is None else (facts["photos"], facts["failed"])

    def finish(self, job: Mapping[str, Any], count: int) -> None:
        """Write the table from its parts, and delete them.

        Args:
            job: What the run was given; the table keeps it.
            count: Number of parts.

        Raises:
            ModelError: The table cannot be written.
        """
        if self._facts() is None and count:
            photos, failed = self._parts.counts(range(count))
            facts = {"job": dict(job), "parts": count, "photos": photos, "failed": failed}
            self._join(count, {_FACTS: json.dumps(facts).encode()})
        self._parts.remove()

    def job(self) -> dict[str, Any] | None:
        """Return what the run that made the rows was given; None where there is none."""
        facts = self._facts()
        return self._parts.job() if facts is None else facts["job"]

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows in their order, many at a time; see `PartStore.tables`."""
        import pyarrow as pa

        facts = self._facts()
        if facts is None:
            yield from self._parts.tables(columns)
            return
        query = self._table().search().limit(facts["photos"])
        for batch in (query if columns is None else query.select(list(columns))).to_batches(_BATCH):
            yield pa.Table.from_batches([batch])

    @property
    def _parts(self) -> PartStore:
        return PartStore(self.place, self.kind, ".parts")

    def _join(self, count: int, metadata: dict[bytes, bytes]) -> None:
        import pyarrow as pa

        lengths = _list_lengths(self._parts.read(number) for number in range(count))
        schema = _with_fixed_lists(self._parts.read(0).schema, lengths).with_metadata(metadata)

        def batches() -> Iterator[Any]:
            for number in range(count):
                table = self._parts.read(number).cast(schema)
                yield from table.combine_chunks().to_batches()

        folder, name = self._address()
        rows = pa.RecordBatchReader.from_batches(schema, batches())
        with writing(self.place, "table"):  # "null" leaves the vectors of unreadable photos null
            connect(folder).create_table(name, rows, mode="overwrite", on_bad_vectors="null")

    def _facts(self) -> dict[str, Any] | None:
        """Return what the table keeps about its run; None where there is no table yet.

        A run that ended while it wrote the table leaves a folder ``data`` without versions, which counts as none.

        Raises:
            SettingError: The place holds something else.
        """
        system, folder = file_system(self.place)
        there = system.ls(folder, detail=False) if system.exists(folder) else []
        names = {str(one).rstrip("/").rpartition("/")[2] for one in there}
        if any(name != "data" and not name.startswith("_") for name in names):
            raise holds_something_else(self.place, self.kind)
        if "_versions" not in names:
            return None
        content = (self._table().schema.metadata or {}).get(_FACTS)
        if content is None:
            raise holds_something_else(self.place, self.kind)
        facts: dict[str, Any] = json.loads(content)
        return facts

    def _table(self) -> Any:
        folder, name = self._address()
        return connect(folder).open_table(name)

    def _address(self) -> tuple[str, str]:
        """Return the database of LanceDB that the table lies in, and its name there."""
        folder, _, name = self.place.rpartition("/")
        return folder or ("/" if self.place.startswith("/") else "."), name.removesuffix(LANCE)

    def _require_place(self) -> None:
        name = self.place.rpartition("/")[2]
        if not _NAME.fullmatch(name):
            raise SettingError(
                f"--out {self.place} names a Lance table: its name may have letters, digits, "
                "'_', '-' and '.': rename it"
            )
        if is_stored(self.place) and self.place.partition("://")[0] not in STORES:
            raise SettingError(
                f"--out {self.place} names a Lance table, which lies in a folder or in one of {', '.join(STORES)}: "
                "name such a place, or a folder for Parquet files"
            )


def _list_lengths(parts: Iterable[pa.Table]) -> dict[str, int]:
    """Return the length of the lists in each column of lists: that of the first one which is not null.

    A column without any is left out.
    """
    import pyarrow as pa

    found: dict[str, int] = {}
    for part in parts:
        wanted = [field.name for field in part.schema if pa.types.is_list(field.type) and field.name not in found]
        if not wanted:
            break
        for name in wanted:
            held = part[name].drop_null()
            if len(held):
                found[name] = len(held[0])
    return found


def _with_fixed_lists(schema: pa.Schema, lengths: Mapping[str, int]) -> pa.Schema:
    """Return the schema with lists of a fixed length, which Lance takes for vectors."""
    import pyarrow as pa

    return pa.schema(
        pa.field(field.name, pa.list_(pa.float32(), lengths[field.name])) if field.name in lengths else field
        for field in schema
    )
