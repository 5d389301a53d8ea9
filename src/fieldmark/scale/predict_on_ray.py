"""Answer very many photos on the machines of a Ray cluster, or on the cores of one machine.

Ray Data sends shards of the photos to workers. Each worker is an actor with a `Recognizer` of its own; it answers a
shard and writes it as one file. If a worker or its machine dies, Ray Data gives its shard to another one; if the
command dies, the next run answers what is not written yet.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from fieldmark.backbones.runners.device import Device
from fieldmark.catalogue.answer_queries import AnswerLevels, answer_queries
from fieldmark.catalogue.answer_rows import AnswerRows
from fieldmark.errors import FieldmarkError, SettingError
from fieldmark.progress import track
from fieldmark.recognizer.predictor import Predictor
from fieldmark.scale.answer_store import AnswerStore
from fieldmark.scale.photo_shards import ListedShard, Shard, digest_of, shards_of

__all__ = ["BulkReport", "predict_on_ray"]

SHARD = 1024
"""Photos in a file of answers: minutes of work are lost with a worker at most, and files are not too many."""


@dataclass(frozen=True, slots=True)
class BulkReport:
    """What a run did.

    Attributes:
        photos: Photos that it answered.
        parts: Files of answers that are there now.
        earlier: Those of them that an earlier run had written.
        failed: Photos in all files that could not be read.
    """

    photos: int
    parts: int
    earlier: int
    failed: int


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
    """Answer the photos of folders, lists, tables and Parquet files into Parquet files, each photo once.

    Args:
        predictor: The model; its folder must have the same path on all machines.
        names: Paths, or addresses of fsspec such as ``s3://bucket/photos``.
        out: Folder or address of the answers; one with answers of the same photos is completed.
        levels: Options of the answers.
        path_col: The column of a table that names the photo.
        device: Where workers compute; with GPUs, each worker has one.
        cores: Cores of each worker; by default 4, or all where there are fewer.
        shard: Most photos in a file.

    Raises:
        FieldmarkError: The input is wrong, or Ray is not installed.
    """
    ray = _ray()
    predictor.options(levels.top_k, levels.coverage, levels.target_accuracy)  # wrong ones are refused at once
    shards = shards_of(names, shard, path_col=path_col)
    store = AnswerStore(out)
    job = {
        "model": _key(predictor.manifest.model_dump_json()),
        "photos": digest_of(shards),
        "shard": shard,
        "levels": asdict(levels),
    }
    done = store.open(job)
    waiting = [(number, one) for number, one in enumerate(shards) if number not in done]
    listed = [query for one in shards if isinstance(one, ListedShard) for query in one.listed]
    titles = tuple(dict.fromkeys(title for query in listed for title in query.columns))
    failed = sum(store.failed(number) for number in done)
    photos = 0
    for count, bad in track(
        _answered(ray, waiting, (predictor, store, levels, titles), device, cores),
        "answering shards",
        total=len(waiting),
    ):
        photos += count
        failed += bad
    return BulkReport(photos, len(shards), len(done), failed)


class ShardWorker:
    """An actor: answers shards with a model that it opens once.

    Args:
        predictor: Arrives as its path and opens the model on this machine.
        store: Where answers go.
        levels: Options of the answers.
        titles: Columns of the photos' tables.
        cores: Threads that answer.
    """

    def __init__(
        self, predictor: Predictor, store: AnswerStore, levels: AnswerLevels, titles: Sequence[str], cores: int
    ) -> None:
        from fieldmark.cores import limit_threads

        limit_threads(cores)
        questions = [other.question for other in predictor.further]
        self.rows = AnswerRows("csv", levels.top_k, titles, questions=questions)
        self.predictor, self.store, self.levels = predictor, store, levels

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[int]]:
        """Answer a shard, write it, and return its numbers of photos and of photos that could not be read."""
        (number,), (shard,) = batch["number"], batch["shard"]
        one: Shard = pickle.loads(shard)
        pairs = list(answer_queries(self.predictor, one.queries(), self.levels))
        failed = sum(answer.error is not None for _, answer in pairs)
        cells = [self.rows.cells(answer, query.columns) for query, answer in pairs]
        self.store.write(int(number), self.rows.columns, cells, failed)
        return {"photos": [len(cells)], "failed": [failed]}


def _answered(
    ray: Any,
    waiting: Sequence[tuple[int, Shard]],
    options: tuple[Predictor, AnswerStore, AnswerLevels, tuple[str, ...]],
    device: Device,
    cores: int | None,
) -> Iterator[tuple[int, int]]:
    """Yield the numbers of photos, and of those that could not be read, of each shard as it is written."""
    if not waiting:
        return
    started = not ray.is_initialized()
    if started:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        largest = max(int(machine.get("CPU", 0)) for machine in machines)
        each = cores or max(1, min(4, largest))
        if each > largest:
            raise SettingError(f"--cores asks for {each}, but the largest machine has {largest} core(s): lower it")
        gpus = sum(int(machine.get("GPU", 0)) for machine in machines)
        on_gpu = gpus > 0 and device in ("auto", "cuda")
        workers = gpus if on_gpu else sum(int(machine.get("CPU", 0)) // each for machine in machines)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        rows = [{"number": number, "shard": pickle.dumps(shard)} for number, shard in waiting]
        answers = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            ShardWorker,
            batch_size=1,
            batch_format="numpy",
            fn_constructor_args=(*options, each),
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(rows))),
            num_cpus=each,
            num_gpus=1 if on_gpu else None,
        )
        try:
            for row in answers.iter_rows():
                yield int(row["photos"]), int(row["failed"])
        except Exception as error:
            raise _own_error(error) from error
    finally:
        if started:
            ray.shutdown()


def _own_error(error: BaseException) -> BaseException:
    """Return the error of this package that a worker raised, or else the error itself."""
    seen: BaseException | None = error
    while seen is not None:
        cause = getattr(seen, "cause", None)
        if isinstance(seen, FieldmarkError):
            return seen
        if isinstance(cause, FieldmarkError):
            return cause
        seen = cause if isinstance(cause, BaseException) else seen.__cause__
    return error


def _key(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _ray() -> Any:
    try:
        import fsspec  # noqa: F401
        import ray
        import ray.data
    except ImportError as error:
        raise SettingError(
            f"--engine ray needs the `scale` extra ({error.name}): pip install 'fieldmark[scale]'"
        ) from None
    return ray
