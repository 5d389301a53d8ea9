"""The gallery: path, label, split and vector of each known photo in a LanceDB table, on disk or in object storage."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, Field, field_validator

from fieldmark.arrays import Float32s
from fieldmark.artifact.lance_tables import STORES, connect, first_line, quoted, reading, vector_index, writing
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

_BATCH = 10_000
_PROBES = 300  # inverted lists to search
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
        if "://" in uri and uri.partition("://")[0] not in STORES:
            raise ValueError(f"a gallery lies in a folder or in one of {', '.join(STORES)}")
        return uri


@dataclass(frozen=True, slots=True)
class GalleryRow:
    """A known photo: its path as in the split file, its class, and ``train``, ``val``, ``enrolled`` or ``added``."""

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
        batches = _reader(_batches(rows, vectors), vectors.shape[1], key)
        if _is_inside(uri) and (Path(place) / f"{table}.lance").exists():
            table = _unused(table)
        with writing(place, "gallery"):
            made = connect(place).create_table(table, data=batches, schema=batches.schema, mode="overwrite")
            if len(rows) >= INDEX_FROM:
                made.create_index("vector", config=vector_index(len(rows)))
        return GalleryFacts(uri=uri, table=table, version=made.version, rows=len(rows), key=key)

    def search(self, vectors: Float32s, k: int = 5, *, label: str | None = None) -> list[list[Neighbour]]:
        """Return the nearest known photos of each vector (n, d), the most similar first.

        Args:
            vectors: (n, d) unit vectors.
            k: Number of neighbours.
            label: Search only the photos of this class.
        """
        where = None if label is None else f"label = {quoted(label)}"
        with reading(self._place, "gallery"):
            return [self._nearest(vector, k, where) for vector in vectors]

    def holds(self, path: str) -> bool:
        """Return whether the gallery has a photo with that path."""
        with reading(self._place, "gallery"):
            return bool(self._table.search().where(f"path = {quoted(path)}").select(["path"]).limit(1).to_list())

    def add(self, rows: Sequence[GalleryRow], vectors: Float32s) -> GalleryFacts:
        """Add photos in a new version of the table, and return its facts; this version does not change."""
        with writing(self._place, "gallery"):
            table = self._fresh()
            table.add(_reader(_batches(rows, vectors), vectors.shape[1], self.facts.key).read_all())
            return self._version(table)

    def extend(self, batches: Iterable[tuple[Sequence[GalleryRow], Float32s]], dim: int) -> GalleryFacts:
        """Add many photos in a new version of the table, without those whose path is there already.

        Memory does not grow with their number. A large table gets a new index.

        Args:
            batches: Rows, of which no two have the same path, and their unit vectors (n, dim).
            dim: d, the dimension of the vectors.
        """
        with writing(self._place, "gallery"):
            table = self._fresh()
            added = _reader(batches, dim, self.facts.key)
            table.merge_insert("path").when_not_matched_insert_all().execute(added)
            count = int(table.count_rows())
            if count >= INDEX_FROM and count > self.facts.rows:
                table.create_index("vector", config=vector_index(count))
            return self._version(table)

    def remove(self, label: str) -> GalleryFacts:
        """Remove the enrolled photos of a class in a new version of the table, and return its facts."""
        with writing(self._place, "gallery"):
            table = self._fresh()
            table.delete(f"split = 'enrolled' AND label = {quoted(label)}")
            return self._version(table)

    def rows(self) -> list[GalleryRow]:
        """Return all known photos."""
        with reading(self._place, "gallery"):
            held = self._table.search().select(["path", "label", "split"]).limit(self.facts.rows).to_list()
        return [GalleryRow(row["path"], row["label"], row["split"]) for row in held]

    def enrolled(self, label: str) -> tuple[list[GalleryRow], Float32s]:
        """Return the enrolled photos of a class, and their vectors (n, d)."""
        return self._held(f"split = 'enrolled' AND label = {quoted(label)}")

    def vectors(self) -> tuple[list[GalleryRow], Float32s]:
        """Return all known photos, and their vectors (n, d)."""
        return self._held()

    def _held(self, where: str | None = None) -> tuple[list[GalleryRow], Float32s]:
        with reading(self._place, "gallery"):
            query = self._table.search() if where is None else self._table.search().where(where)
            held = query.limit(self.facts.rows).to_arrow()
            columns = [held[name].to_pylist() for name in ("path", "label", "split")]
            flat = held["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return [GalleryRow(*row) for row in zip(*columns, strict=True)], flat.reshape(held.num_rows, -1)

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
        made = connect(self._place).create_table(name, data=batches, schema=table.schema)
        if self.facts.rows >= INDEX_FROM:
            made.create_index("vector", config=vector_index(self.facts.rows))
        return made

    def _version(self, table: Any) -> GalleryFacts:
        changed = {"table": table.name, "version": int(table.version), "rows": int(table.count_rows())}
        return self.facts.model_copy(update=changed)


def _open(place: str, facts: GalleryFacts) -> Any:
    if "://" not in place and not (Path(place) / f"{facts.table}.lance").is_dir():  # connecting would make the folder
        raise ModelError(
            f"expected the model's gallery at {place}, but it cannot be opened (there is no table '{facts.table}'); "
            "copy it there"
        )
    try:
        table = connect(place).open_table(facts.table)
        table.checkout(facts.version)
        found = (table.schema.metadata or {}).get(b"fieldmark", b"").decode()
    except Exception as error:  # LanceDB has several error classes for missing folders, tables and versions
        raise ModelError(
            f"expected the model's gallery at {place}, but it cannot be opened ({first_line(error)}); copy it there"
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


def _is_inside(uri: str) -> bool:
    """Whether the gallery lies in the model folder, and so belongs to this model only."""
    return "://" not in uri and not Path(uri).is_absolute()


def _unused(table: str) -> str:
    return f"{table}-{secrets.token_hex(4)}"


def _place(uri: str, folder: Path) -> str:
    return str(folder / uri) if _is_inside(uri) else uri


def _batches(rows: Sequence[GalleryRow], vectors: Float32s) -> Iterator[tuple[Sequence[GalleryRow], Float32s]]:
    """Cut rows and vectors (n, d) into parts, so that the table is never in memory twice."""
    for start in range(0, len(rows), _BATCH):
        yield rows[start : start + _BATCH], vectors[start : start + _BATCH]


def _reader(batches: Iterable[tuple[Sequence[GalleryRow], Float32s]], dim: int, key: str) -> Any:
    """Return a pyarrow reader over rows and their vectors (n, dim)."""
    import pyarrow as pa

    fields = [("path", pa.string()), ("label", pa.string()), ("split", pa.string())]
    schema = pa.schema([*fields, ("vector", pa.list_(pa.float32(), dim))], metadata={"fieldmark": key})

    def parts() -> Iterator[Any]:
        for rows, vectors in batches:
            columns: list[Any] = [[row.path for row in rows], [row.label for row in rows], [row.split for row in rows]]
            flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
            yield pa.record_batch(
                [
                    *(pa.array(map(without_surrogates, column), pa.string()) for column in columns),
                    pa.FixedSizeListArray.from_arrays(flat, dim),
                ],
                schema=schema,
            )

    return pa.RecordBatchReader.from_batches(schema, parts())
