"""Answer very many photos on the machines of a Ray cluster, or on the cores of one machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fieldmark.backbones.runners.device import Device
from fieldmark.catalogue.answer_queries import AnswerLevels, answer_queries
from fieldmark.catalogue.answer_rows import AnswerRows
from fieldmark.recognizer.predictor import Predictor
from fieldmark.scale.bulk import SHARD, BulkReport, columns_of, work_on_shards
from fieldmark.scale.photo_shards import Shard, shards_of
from fieldmark.scale.result_store import ResultStore, store_at

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["predict_on_ray"]

_NUMBERS = ("probability", "coverage")


def predict_on_ray(
    predictor: Predictor,
    names: Sequence[str],
    out: str,
    levels: AnswerLevels,
    *,
    path_col: str | None = None,
    device: Device = "auto",
    cores: int | None = None,
    shard: int = SHARD,
) -> BulkReport:
    """Answer the photos of folders, lists, tables and Parquet files, each photo once, as Parquet or Lance.

    Args:
        predictor: The model; its folder must have the same path on all machines.
        names: Paths, or addresses of fsspec such as ``s3://bucket/photos``.
        out: Folder or address of the answers, a Lance table where it ends in ``.lance``; one with answers of the same
            photos is completed.
        levels: Options of the answers.
        path_col: The column of a table that names the photo.
        device: Where workers compute; with GPUs, each worker has one.
        cores: Cores of each worker; by default 4, or all where there are fewer.
        shard: Most photos in a part.

    Raises:
        FieldmarkError: The input is wrong, or Ray is not installed.
    """
    predictor.options(levels.top_k, levels.coverage, levels.target_accuracy)  # wrong ones are refused at once
    shards, store = shards_of(names, shard, path_col=path_col), store_at(out, "answers")
    work = AnswerShard(predictor, store, levels, columns_of(shards))
    options = {"shard": shard, "levels": asdict(levels)}
    model = predictor.manifest.model_dump_json(exclude={"generation", "made", "change", "gallery"})
    return work_on_shards(model, shards, store, work, options, engine="ray", device=device, cores=cores)


class AnswerShard:
    """Answers the photos of a shard into a part.

    Args:
        predictor: The model; it is pickled as its path.
        store: Where the answers go.
        levels: Options of the answers.
        titles: Columns of the photos' tables.
    """

    def __init__(self, predictor: Predictor, store: ResultStore, levels: AnswerLevels, titles: Sequence[str]) -> None:
        questions = [other.question for other in predictor.further]
        self.rows = AnswerRows("csv", levels.top_k, titles, questions=questions)
        self.predictor, self.store, self.levels = predictor, store, levels

    def __call__(self, number: int, shard: Shard) -> tuple[int, int]:
        pairs = list(answer_queries(self.predictor, shard.queries(), self.levels))
        failed = sum(answer.error is not None for _, answer in pairs)
        cells = [self.rows.cells(answer, query.columns) for query, answer in pairs]
        self.store.write(number, answer_table(self.rows.columns, cells), failed)
        return len(cells), failed


def answer_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> pa.Table:
    """Return the cells of a CSV with types; empty ones become null in columns of numbers and of yes or no."""
    import pyarrow as pa

    cells = list(zip(*rows, strict=True)) if rows else [() for _ in columns]
    arrays: list[Any] = []
    for title, values in zip(columns, cells, strict=True):
        if title.rpartition("_")[0] in _NUMBERS or title in _NUMBERS or title.endswith("_probability"):
            arrays.append(pa.array([float(value) if value else None for value in values], pa.float64()))
        elif title == "unknown" or title.endswith("_unknown"):
            arrays.append(pa.array([value == "true" if value else None for value in values], pa.bool_()))
        else:
            arrays.append(pa.array(values, pa.string()))
    return pa.table(arrays, names=list(columns))
