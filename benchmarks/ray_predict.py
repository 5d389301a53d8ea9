"""Photos per second of `predict --engine ray` on one machine, against one process that uses the same cores.

python benchmarks/ray_predict.py MODEL PHOTOS [--limit 2000] [--cores 1] [--shard 256]

Both answer the same photos into files. Starting Ray and opening models is not counted: each side answers a few photos
first, and the times are of the photos after that.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import ray

import fieldmark
from fieldmark.catalogue.answer_queries import AnswerLevels
from fieldmark.cores import available_cpus
from fieldmark.data.photos.photo_files import photos_below
from fieldmark.scale.predict_on_ray import predict_on_ray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--limit", type=int, default=2000)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--shard", type=int, default=256)
    arguments = parser.parse_args()
    paths = [str(path) for path in photos_below(arguments.photos)[: arguments.limit]]
    recognizer = fieldmark.load(arguments.model, device="cpu")

    def alone(some: list[str]) -> float:
        started = time.perf_counter()
        assert sum(1 for _ in recognizer.answers(some)) == len(some)
        return time.perf_counter() - started

    def on_ray(some: list[str], folder: Path) -> float:
        started = time.perf_counter()
        options = {"device": "cpu", "cores": arguments.cores, "shard": arguments.shard}
        report = predict_on_ray(recognizer, some, str(folder), AnswerLevels(), **options)
        assert report.photos == len(some)
        return time.perf_counter() - started

    few = paths[: arguments.shard]
    alone(few)
    one_process = len(paths) / alone(paths)
    ray.init(num_cpus=available_cpus(), include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory() as folder:
        # Every run opens its models anew, so the time of a short one is taken off that of the long one.
        short = on_ray(few, Path(folder) / "short")
        long = on_ray(paths, Path(folder) / "long")
    ray.shutdown()
    together = (len(paths) - len(few)) / (long - short)
    print(f"one process on {available_cpus()} core(s): {one_process:.1f} photos/s")
    print(f"Ray Data with {arguments.cores} core(s) for each worker: {together:.1f} photos/s")
    print(f"Ray Data / one process: {together / one_process:.2f}")


if __name__ == "__main__":
    main()
