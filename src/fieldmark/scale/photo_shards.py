"""Cut a long list of photos into shards that are answered one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from fieldmark.catalogue.queries import Query, read_queries
from fieldmark.data.photos.photo_files import is_photo
from fieldmark.data.photos.stored_photo import StoredPhoto, is_stored
from fieldmark.data.readers._columns import path_column
from fieldmark.errors import DataError

__all__ = ["ListedShard", "ParquetShard", "Shard", "digest_of", "shards_of"]


class Shard(Protocol):
    """Some photos in a row, small enough to send to a worker."""

    @property
    def columns(self) -> Sequence[str]:
        """Titles of the columns that a table gives with the photos."""

    def queries(self) -> Sequence[Query]:
        """Return the photos."""


@dataclass(frozen=True, slots=True)
class ListedShard:
    """Photos that a folder, a list or a CSV names."""

    listed: tuple[Query, ...]

    @property
    def columns(self) -> Sequence[str]:
        return tuple(dict.fromkeys(title for query in self.listed for title in query.columns))

    def queries(self) -> Sequence[Query]:
        return self.listed


@dataclass(frozen=True, slots=True)
class ParquetShard:
    """Rows of a Parquet file, which the worker reads.

    Attributes:
        file: Path or address.
        column: The column that names the photos.
        columns: Columns of text and numbers, whose cells go with the photos.
        row_group: The part of the file that holds the rows.
        start: The first row, counted in that part.
        stop: The row after the last one.
    """

    file: str
    column: str
    columns: tuple[str, ...]
    row_group: int
    start: int
    stop: int

    def queries(self) -> Sequence[Query]:
        import pyarrow.parquet as pq

        with _opened(self.file) as stream:
            table = pq.ParquetFile(stream).read_row_group(self.row_group, columns=[*{self.column, *self.columns}])
        rows = table.slice(self.start, self.stop - self.start).to_pylist()
        return [_query(row, f"a row of {self.file}", self.column, self.columns) for row in rows]


def shards_of(names: Iterable[str], size: int, *, path_col: str | None = None) -> list[Shard]:
    """Return the photos of folders, lists, tables and Parquet files, in their order, as shards.

    Args:
        names: Paths, or addresses such as ``s3://bucket/photos``.
        size: Most photos in a shard.
        path_col: The column of a table that names the photo, where it has no usual name.

    Raises:
        DataError: A folder holds no photos, or a table cannot be used.
    """
    shards: list[Shard] = []
    waiting: list[Query] = []
    for name in names:
        if name.lower().endswith(".parquet"):
            shards += [*_listed(waiting, size), *_rows_of(name, size, path_col)]
            waiting = []
        elif is_stored(name):
            waiting += [Query(StoredPhoto(one), one) for one in _below(name)]
        else:
            waiting += read_queries([name], path_col=path_col)
    return [*shards, *_listed(waiting, size)]


def digest_of(shards: Iterable[Shard]) -> str:
    """Return a key of the photos' names and their order."""
    found = hashlib.blake2b(digest_size=16)
    for shard in shards:
        parts = [one.name for one in shard.listed] if isinstance(shard, ListedShard) else [repr(shard)]
        found.update("\n".join([*parts, ""]).encode("utf-8", "surrogateescape"))
    return found.hexdigest()


def _listed(queries: Sequence[Query], size: int) -> Iterator[Shard]:
    for start in range(0, len(queries), size):
        yield ListedShard(tuple(queries[start : start + size]))


def _rows_of(file: str, size: int, path_col: str | None) -> Iterator[Shard]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with _opened(file) as stream:
            about = pq.ParquetFile(stream)
            titles = {name.lower(): name for name in about.schema_arrow.names}
            carried = tuple(field.name for field in about.schema_arrow if _is_text_or_number(field.type))
            counts = [about.metadata.row_group(group).num_rows for group in range(about.num_row_groups)]
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"expected a Parquet file of photos, but {file} cannot be read ({error})") from None
    key = path_column(titles) if path_col is None else path_col.lower()
    if key not in titles:
        raise DataError(
            f"expected a column '{path_col or 'path'}' in {file}, but it has: {', '.join(titles.values())}; name the "
            "column with --path-col"
        )
    for group, count in enumerate(counts):
        for start in range(0, count, size):
            yield ParquetShard(file, titles[key], carried, group, start, min(start + size, count))


def _below(address: str) -> list[str]:
    """Return the addresses of the photos in a stored folder, sorted; of a file, its own."""
    import fsspec

    try:
        system, place = fsspec.core.url_to_fs(address)
        if not system.isdir(place):
            return [address]
        found = sorted(one for one in system.find(place) if is_photo(one.rpartition("/")[2]))
    except Exception as error:  # each file system has its own errors
        raise DataError(f"the folder {address} cannot be read ({error}): check the address and your access") from error
    if not found:
        raise DataError(f"the folder {address} holds no photos; name a folder or a file with photos")
    return [str(system.unstrip_protocol(one)) for one in found]


def _query(row: Mapping[str, Any], where: str, column: str, titles: Sequence[str]) -> Query:
    cells = {title: "" if row[title] is None else str(row[title]) for title in titles}
    name = row[column]
    if not name:
        return Query(None, "", cells, error=f"{where} names no photo: fill in the column '{column}'")
    return Query(StoredPhoto(name) if is_stored(name) else Path(name), str(name), cells)


def _is_text_or_number(kind: Any) -> bool:
    import pyarrow.types as kinds

    inner = kind.value_type if kinds.is_dictionary(kind) else kind
    tests = (kinds.is_string, kinds.is_large_string, kinds.is_integer, kinds.is_floating, kinds.is_boolean)
    return any(test(inner) for test in (*tests, kinds.is_temporal, kinds.is_decimal))


def _opened(file: str) -> IO[bytes]:
    if not is_stored(file):
        return Path(file).open("rb")
    import fsspec

    opened: IO[bytes] = fsspec.open(file, "rb").open()
    return opened
