"""Write the embeddings of very many photos, here or on the machines of a Ray cluster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fieldmark.backbones.runners.device import Device
from fieldmark.recognizer.predictor import Predictor
from fieldmark.scale.bulk import SHARD, BulkReport, Engine, columns_of, work_on_shards
from fieldmark.scale.photo_shards import Shard, shards_of
from fieldmark.scale.result_store import ResultStore, store_at

__all__ = ["embed_photos"]

OWN_COLUMNS = ("path", "embedding", "error")


def embed_photos(
    predictor: Predictor,
    names: Sequence[str],
    out: str,
    *,
    path_col: str | None = None,
    engine: Engine = "local",
    device: Device = "auto",
    cores: int | None = None,
    shard: int = SHARD,
) -> BulkReport:
    """Write the embeddings of the photos of folders, lists, tables and Parquet files as Parquet or Lance.

    A row has the photo's ``path``, its ``embedding`` (D,) float32 of unit length or null, the ``error`` of a photo that
    cannot be read or null, and the columns of the photo's table.

    Args:
        predictor: The model; with Ray, its folder must have the same path on all machines.
        names: Paths, or addresses of fsspec such as ``s3://bucket/photos``.
        out: Folder or address of the embeddings, a Lance table where it ends in ``.lance``; one with embeddings of the
            same photos is completed.
        path_col: The column of a table that names the photo.
        engine: "local" or "ray".
        device: Where to compute.
        cores: Cores of each worker of Ray.
        shard: Most photos in a part.

    Raises:
        FieldmarkError: The input is wrong, or Ray is not installed.
    """
    shards, store = shards_of(names, shard, path_col=path_col), store_at(out, "embeddings")
    titles = [title for title in columns_of(shards) if title.lower() not in OWN_COLUMNS]
    gallery = predictor.manifest.gallery
    options = {"shard": shard, "gallery": None if gallery is None else gallery.key}
    work = EmbedShard(predictor, store, titles)
    # Embeddings are those of the first member: enrolled classes and known photos may change meanwhile.
    model = predictor.manifest.members[0].model_dump_json()
    return work_on_shards(model, shards, store, work, options, engine=engine, device=device, cores=cores)


class EmbedShard:
    """Embeds the photos of a shard into a part.

    Args:
        predictor: The model; it is pickled as its path.
        store: Where the embeddings go.
        titles: Columns of the photos' tables.
    """

    def __init__(self, predictor: Predictor, store: ResultStore, titles: Sequence[str]) -> None:
        self.predictor, self.store, self.titles = predictor, store, list(titles)

    def __call__(self, number: int, shard: Shard) -> tuple[int, int]:
        import pyarrow as pa

        queries = shard.queries()
        asked = [(row, query.photo) for row, query in enumerate(queries) if query.photo is not None]
        found = self.predictor.embeddings([photo for _, photo in asked])
        vectors: list[np.ndarray | None] = [None] * len(queries)
        errors = [query.error for query in queries]
        for position, (row, _) in enumerate(asked):
            errors[row] = found.errors.get(position)
            vectors[row] = None if errors[row] is not None else found.vectors[position]
        columns = {
            "path": pa.array([query.name for query in queries], pa.string()),
            "embedding": pa.array(vectors, pa.list_(pa.float32())),
            "error": pa.array(errors, pa.string()),
        }
        for title in self.titles:
            columns[title] = pa.array([query.columns.get(title) for query in queries], pa.string())
        failed = sum(error is not None for error in errors)
        self.store.write(number, pa.table(columns), failed)
        return len(queries), failed
