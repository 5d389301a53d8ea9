"""The gallery: path, label, split and vector of each known photo in a LanceDB table, on disk or in object storage."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, Field, field_validator

from fieldmark.arrays import Float32s
from fieldmark.errors import ModelError, without_surrogates

__all__ = [
    "GALLERY_FOLDER",
    "INDEX_FROM",
    "MAX_VERSIONS",
    "TABLE",
    "Gallery",
    "GalleryFacts",
    "GalleryRow",
    "Neighbour",
]


GALLERY_FOLDER = "gallery"
TABLE = "photos"
INDEX_FROM = 50_000
"""From this number of photos on an index is built; fewer are searched exactly, in milliseconds."""

MAX_VERSIONS = 20
"""A table in a model folder with more versions is not changed any more: the next change writes a new table.

The old one is deleted with the last generation that names it.
"""

_STORES = ("s3", "gs", "az")
"""Schemes of object storage that a gallery may lie in."""

_BATCH = 10_000
_PROBES = 300  # inverted lists to search
_REASONS = ("No space left on device", "Read-only file system", "Permission denied")
_REFINE = 5  # this many times k candidates are compared again with full precision


class GalleryFacts(BaseModel):
    """Where the gallery of a model is. Part of ``fieldmark.json``.

    Attributes:
        uri: A folder inside the model folder, or any URI that LanceDB opens.
        table: Name of the table there.
        version: Version of the table that belongs to this model.
        rows: Number of photos in it.
        key: Key of the projection that made the vectors; a table of another model has another key.
    """

    uri: str = Field(min_length=1)
    table: str = Field(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,199}\z")
    version: int = Field(ge=1, lt=2**62)
    rows: int = Field(ge=0, lt=2**40)
    key: str

    @field_validator("uri")
    @classmethod
    def _kind_of_place(cls, uri: str) -> str:
        if "://" in uri and uri.partition("://")[0] not in _STORES:
            raise ValueError(f"a gallery lies in a folder or in one of {', '.join(_STORES)}")
        return uri


@dataclass(frozen=True, slots=True)
class GalleryRow:
    """A known photo: its path as in the split file, its class, and ``train``, ``val`` or ``enrolled``."""

    path: str
    label: str
    split: str


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A known photo and its cosine similarity to the query photo."""

    path: str
    label: str
    split: str
    similarity: float


class Gallery:
    """One version of the gallery table.

    Args:
        facts: Its part of ``fieldmark.json``.
        folder: The model folder, for a gallery inside it.

    Raises:
        ModelError: The table is missing, was made by another model, or cannot be written.
    """

    def __init__(self, facts: GalleryFacts, folder: Path) -> None:
        self.facts = facts
        self._place = _place(facts.uri, folder)
        self._table: Any = _open(self._place, facts)

    @classmethod
    def create(
        cls, uri: str, folder: Path, rows: Sequence[GalleryRow], vectors: Float32s, key: str, table: str = TABLE
    ) -> GalleryFacts:
        """Write a table, and its index if it is large.

        Args:
            uri: A folder inside `folder`, or any URI that LanceDB opens.
            folder: The model folder.
            rows: Path, label and split of each photo.
            vectors: (n, d) unit vectors.
            key: Key of the projection that made them.
            table: Name of the table. Where a table of that name exists, the name gets a suffix in a model folder, since
                earlier generations may need that table; anywhere else the table gets a new version.
        """
        place = _place(uri, folder)
        batches = _batches(rows, vectors, key)
        if _is_inside(uri) and (Path(place) / f"{table}.lance").exists():
            table = _unused(table)
        with _writing(place):
            made = _connect(place).create_table(table, data=batches, schema=batches.schema, mode="overwrite")
            if len(rows) >= INDEX_FROM:
                made.create_index("vector", config=_index(len(rows)))
        return GalleryFacts(uri=uri, table=table, version=made.version, rows=len(rows), key=key)

    def search(self, vectors: Float32s, k: int = 5, *, label: str | None = None) -> list[list[Neighbour]]:
        """Return the nearest known photos of each vector (n, d), the most similar first.

        Args:
            vectors: (n, d) unit vectors.
            k: Number of neighbours.
            label: Search only the photos of this class.
        """
        where = None if label is None else f"label = {_quoted(label)}"
        with _reading(self._place):
            return [self._nearest(vector, k, where) for vector in vectors]

    def holds(self, path: str) -> bool:
        """Return whether the gallery has a photo with that path."""
        with _reading(self._place):
            return bool(self._table.search().where(f"path = {_quoted(path)}").select(["path"]).limit(1).to_list())

    def add(self, rows: Sequence[GalleryRow], vectors: Float32s) -> GalleryFacts:
        """Add photos in a new version of the table, and return its facts; this version does not change."""
        with _writing(self._place):
            table = self._fresh()
            table.add(_batches(rows, vectors, self.facts.key).read_all())
            return self._version(table)

    def remove(self, label: str) -> GalleryFacts:
        """Remove the enrolled photos of a class in a new version of the table, and return its facts."""
        with _writing(self._place):
            table = self._fresh()
            table.delete(f"split = 'enrolled' AND label = {_quoted(label)}")
            return self._version(table)

    def rows(self) -> list[GalleryRow]:
        """Return all known photos."""
        with _reading(self._place):
            held = self._table.search().select(["path", "label", "split"]).limit(self.facts.rows).to_list()
        return [GalleryRow(row["path"], row["label"], row["split"]) for row in held]

    def enrolled(self, label: str) -> tuple[list[GalleryRow], Float32s]:
        """Return the enrolled photos of a class, and their vectors (n, d)."""
        return self._held(f"split = 'enrolled' AND label = {_quoted(label)}")

    def vectors(self) -> tuple[list[GalleryRow], Float32s]:
        """Return all known photos, and their vectors (n, d)."""
        return self._held()

    def _held(self, where: str | None = None) -> tuple[list[GalleryRow], Float32s]:
        with _reading(self._place):
            query = self._table.search() if where is None else self._table.search().where(where)
            held = query.limit(self.facts.rows).to_list()
        rows = [GalleryRow(row["path"], row["label"], row["split"]) for row in held]
        return rows, np.array([row["vector"] for row in held], dtype=np.float32)

    def _nearest(self, vector: Float32s, k: int, where: str | None) -> list[Neighbour]:
        query = (
            self._table.search(vector).distance_type("cosine").limit(k).select(["path", "label", "split", "_distance"])
        )
        query = query.nprobes(_PROBES).refine_factor(_REFINE)
        if where is not None:
            query = query.where(where, prefilter=True)
        found = query.to_list()
        return [Neighbour(row["path"], row["label"], row["split"], 1.0 - float(row["_distance"])) for row in found]

    def _fresh(self) -> Any:
        """Return a table to change, with the content of this model's version.

        Restoring the model's version undoes what an interrupted change left behind.
        """
        table = _open(self._place, self.facts)
        versions = table.list_versions()
        if _is_inside(self.facts.uri) and len(versions) > MAX_VERSIONS:
            return self._copy(table)
        latest = max(int(version["version"]) for version in versions)
        if latest != self.facts.version:
            table.restore(self.facts.version)
        table.checkout_latest()
        return table

    def _copy(self, table: Any) -> Any:
        """Write the content of the table as a new one."""
        batches = table.search().limit(self.facts.rows).to_batches(_BATCH)
        name = _unused(f"{TABLE}-{self.facts.key}")
        made = _connect(self._place).create_table(name, data=batches, schema=table.schema)
        if self.facts.rows >= INDEX_FROM:
            made.create_index("vector", config=_index(self.facts.rows))
        return made

    def _version(self, table: Any) -> GalleryFacts:
        changed = {"table": table.name, "version": int(table.version), "rows": int(table.count_rows())}
        return self.facts.model_copy(update=changed)


def _connect(place: str) -> Any:
    os.environ.setdefault("LANCEDB_LOG", "error")  # it warns about every new table otherwise
    import lancedb

    return lancedb.connect(place)


def _open(place: str, facts: GalleryFacts) -> Any:
    if "://" not in place and not (Path(place) / f"{facts.table}.lance").is_dir():  # connecting would make the folder
        raise ModelError(
            f"expected the model's gallery at {place}, but it cannot be opened (there is no table '{facts.table}'); "
            "copy it there"
        )
    try:
        table = _connect(place).open_table(facts.table)
        table.checkout(facts.version)
        found = (table.schema.metadata or {}).get(b"fieldmark", b"").decode()
    except Exception as error:  # LanceDB has several error classes for missing folders, tables and versions
        raise ModelError(
            f"expected the model's gallery at {place}, but it cannot be opened ({_first_line(error)}); copy it there"
        ) from error
    if found != facts.key:
        raise ModelError(f"the gallery at {place} was made by another model; copy this model's own gallery there")
    wanted = {"path": "string", "label": "string", "split": "string"}
    kinds = {field.name: str(field.type) for field in table.schema}
    if not wanted.items() <= kinds.items() or not kinds.get("vector", "").startswith("fixed_size_list<"):
        raise ModelError(
            f"the gallery at {place} is damaged (its table has other columns); copy it again or fit the model again"
        )
    return table


@contextlib.contextmanager
def _reading(place: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # LanceDB and Arrow have several error classes for damaged files
        raise ModelError(
            f"the gallery at {place} is damaged ({_first_line(error)}); copy it again or fit the model again"
        ) from error


@contextlib.contextmanager
def _writing(place: str) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, OSError) as error:  # LanceDB's own words for a full or read-only disk
        reason = next((text for text in _REASONS if text in str(error)), _first_line(error))
        raise ModelError(
            f"the gallery at {place} cannot be written ({reason}); make room there or name another place"
        ) from error


def _is_inside(uri: str) -> bool:
    """Whether the gallery lies in the model folder, and so belongs to this model only."""
    return "://" not in uri and not Path(uri).is_absolute()


def _unused(table: str) -> str:
    return f"{table}-{secrets.token_hex(4)}"


def _place(uri: str, folder: Path) -> str:
    return str(folder / uri) if _is_inside(uri) else uri


def _batches(rows: Sequence[GalleryRow], vectors: Float32s, key: str) -> Any:
    """Return a pyarrow reader over the rows, so that the table is never in memory twice."""
    import pyarrow as pa

    dim = vectors.shape[1]
    fields = [("path", pa.string()), ("label", pa.string()), ("split", pa.string())]
    schema = pa.schema([*fields, ("vector", pa.list_(pa.float32(), dim))], metadata={"fieldmark": key})

    def parts() -> Iterable[Any]:
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            flat = pa.array(np.ascontiguousarray(vectors[start : start + _BATCH]).ravel())
            columns: list[Any] = [[row.path for row in part], [row.label for row in part], [row.split for row in part]]
            yield pa.record_batch(
                [
                    *(pa.array(map(without_surrogates, column), pa.string()) for column in columns),
                    pa.FixedSizeListArray.from_arrays(flat, dim),
                ],
                schema=schema,
            )

    return pa.RecordBatchReader.from_batches(schema, parts())


def _index(count: int) -> Any:
    """Return an index with inverted lists and one byte for each number; the best candidates are compared again.

    Product quantisation (`IvfPq`) took fifty times as long at 50,000 photos, because it runs a k-means for each part of
    the vectors, and had a lower recall (``benchmarks/README.md``).
    """
    from lancedb.index import IvfSq

    return IvfSq(distance_type="cosine", num_partitions=max(1, round(count**0.5)))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
