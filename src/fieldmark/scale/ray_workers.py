"""Work on shards of photos on the machines of a Ray cluster, or on the cores of one machine.

Ray Data sends shards to workers. Each worker is an actor with its own copy of the work, such as a model that it opens
once. If a worker or its machine dies, Ray Data gives its shards to another one, also those whose results were lost with
it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from fieldmark.backbones.runners.device import Device
from fieldmark.errors import FieldmarkError, SettingError

__all__ = ["Work", "done_on_ray"]

S = TypeVar("S", contravariant=True)
R = TypeVar("R", covariant=True)


class Work(Protocol[S, R]):
    """What a worker does with a shard. It and its results are pickled to go from process to process."""

    def __call__(self, number: int, shard: S) -> R:
        """Return the result for the shard of that number."""


class ShardWorker:
    """An actor that works on shards.

    Args:
        work: What it does.
        cores: Threads that it uses.
        folder: The folder of the command; relative paths start there on every machine.
    """

    def __init__(self, work: Work[Any, Any], cores: int, folder: Path) -> None:
        from fieldmark.cores import limit_threads

        limit_threads(cores)
        with contextlib.suppress(OSError):  # a machine without that folder has only absolute paths and addresses
            os.chdir(folder)
        self.work = work

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        (number,), (shard,) = batch["number"], batch["shard"]
        return {"result": [pickle.dumps(self.work(int(number), pickle.loads(shard)))]}


def done_on_ray(work: Work[S, R], waiting: Sequence[tuple[int, S]], device: Device, cores: int | None) -> Iterator[R]:
    """Yield the result for each shard as it is done, in any order, each once.

    Args:
        work: What to do with a shard. Each worker has a copy of its own.
        waiting: Numbers and shards.
        device: Where workers compute; with GPUs, each worker has one.
        cores: Cores of each worker; by default 4, or all where there are fewer.

    Raises:
        FieldmarkError: Ray is not installed, no machine has so many cores, or a worker raised it.
    """
    if not waiting:
        return
    ray = _ray()
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
        parts = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            ShardWorker,
            batch_size=1,
            batch_format="numpy",
            fn_constructor_args=(work, each, Path.cwd()),
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(rows))),
            num_cpus=each,
            num_gpus=1 if on_gpu else None,
        )
        try:
            for row in parts.iter_rows():
                yield pickle.loads(row["result"])
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
