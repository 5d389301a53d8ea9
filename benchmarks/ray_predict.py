"""Photos per second of processor time of `predict --engine ray` on one machine, against one process.

    python benchmarks/ray_predict.py MODEL PHOTOS [--limit 1000] [--cores 1] [--shard 128]

Both answer the same photos. Starting Ray and opening models is not counted: each side answers a few photos first, and
the times are of the photos after that. The processor time of Ray is that of all its processes: workers, the scheduler,
this one. It says what a core achieves also on a machine that others use; wall times hold only on an idle one.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import ray

import fieldmark
from fieldmark.backbones.runners.runner_plan import RUNNER
from fieldmark.catalogue.answer_queries import AnswerLevels
from fieldmark.cores import available_cpus
from fieldmark.data.photos.photo_files import photos_below
from fieldmark.scale.predict_on_ray import predict_on_ray


class ProcessTree:
    """Processor time of this process and of all that it started, those that ended included."""

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}
        threading.Thread(target=self._watch, daemon=True).start()

    def seconds(self) -> float:
        me = psutil.Process()
        for process in (me, *me.children(recursive=True)):
            try:
                self._seen[process.pid] = sum(process.cpu_times()[:2])
            except psutil.Error:  # it has ended
                continue
        return sum(self._seen.values())

    def _watch(self) -> None:
        while True:  # a process that ends is missing from then on
            self.seconds()
            time.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--shard", type=int, default=128)
    arguments = parser.parse_args()
    paths = [str(path) for path in photos_below(arguments.photos)[: arguments.limit]]
    # Each worker answers two shards in the short run, so that all of them have opened their models in both runs.
    few = paths[: 2 * arguments.shard * (available_cpus() // arguments.cores)]
    if len(paths) < 2 * len(few):
        raise SystemExit(f"expected at least {2 * len(few)} photos, but got {len(paths)}: name more, or lower --shard")
    os.environ.setdefault(RUNNER, "onnxruntime")  # both sides compute in the same way, the workers too
    recognizer = fieldmark.load(arguments.model, device="cpu")
    tree = ProcessTree()

    def alone(some: list[str]) -> None:
        assert sum(1 for _ in recognizer.answers(some)) == len(some)

    def on_ray(some: list[str]) -> None:
        options = {"device": "cpu", "cores": arguments.cores, "shard": arguments.shard}
        with tempfile.TemporaryDirectory() as folder:
            report = predict_on_ray(recognizer, some, f"{folder}/answers", AnswerLevels(), **options)
        assert report.photos == len(some)

    def rates(answer: Callable[[list[str]], None]) -> tuple[float, float]:
        """Photos per second of processor time, and of wall time, of the photos after the first ones."""
        times = []
        for some in (few, paths):
            cpu, wall = tree.seconds(), time.perf_counter()
            answer(some)
            times.append((tree.seconds() - cpu, time.perf_counter() - wall))
        (short_cpu, short_wall), (long_cpu, long_wall) = times
        more = len(paths) - len(few)
        return more / (long_cpu - short_cpu), more / (long_wall - short_wall)

    one = rates(alone)
    print(
        f"one process on {available_cpus()} core(s), {recognizer.graphs.description}: {one[0]:.1f} photos for a second "
        f"of processor time; wall {one[1]:.1f}/s",
        flush=True,
    )
    ray.init(num_cpus=available_cpus(), include_dashboard=False, log_to_driver=False)
    many = rates(on_ray)
    ray.shutdown()
    print(
        f"Ray Data, {arguments.cores} core(s) for each worker: {many[0]:.1f} photos for a second of processor time; "
        f"wall {many[1]:.1f}/s"
    )
    print(f"Ray Data / one process: {many[0] / one[0]:.2f} by processor time, {many[1] / one[1]:.2f} by wall time")


if __name__ == "__main__":
    main()
