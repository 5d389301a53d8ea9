"""The float32 and the int8 file of a model: right answers on the test photos, and photos a second, in turns.

    python benchmarks/int8.py MODEL [DATA] [--limit 400] [--rounds 3]

Both go from files to answers by `predict`; a bare loop over the graphs, one image a call on every core, shows what
quantising alone brings.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from fieldmark import Recognizer
from fieldmark.artifact.exported import open_exported
from fieldmark.backbones.runners.batches import in_batches
from fieldmark.data.photos.preprocess import load_array
from fieldmark.evaluation.evaluate import photos_of_split
from fieldmark.export.export_onnx import export
from fieldmark.structures import RecordList


def right_answers(file: Path, test: RecordList) -> np.ndarray:
    scores = Recognizer(file).scores(test.paths)
    return np.asarray(scores.probabilities.argmax(1) == np.array(test.labels))


def bare(file: Path, photos: RecordList) -> Callable[[], float]:
    """Photos a second of the graph alone."""
    opened = open_exported(file)
    graph = opened.open_graph(None)
    feeds = [{each.name: load_array(photo, each.preprocess)[None] for each in opened.facts.inputs} for photo in photos]

    def run() -> float:
        started = time.perf_counter()
        for _ in in_batches(feeds, lambda batch: graph.run_inputs(batch[0]), batch_size=1):
            pass
        return len(feeds) / (time.perf_counter() - started)

    return run


def predict(file: Path, photos: RecordList) -> Callable[[], float]:
    """Photos a second from files to answers."""
    recognizer = Recognizer(file)
    list(recognizer.answers(photos.paths[:16]))

    def run() -> float:
        started = time.perf_counter()
        assert all(answer.error is None for answer in recognizer.answers(photos.paths))
        return len(photos) / (time.perf_counter() - started)

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--limit", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    test = photos_of_split(Recognizer(arguments.model), arguments.data, "test")
    some = test.like(test[:: max(1, len(test) // arguments.limit)][: arguments.limit])
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("float32.onnx", "int8.onnx")]
        for file in files:
            export(arguments.model, file, int8=file.stem == "int8", data=arguments.data)
        before, after = (right_answers(file, test) for file in files)
        lost, won = int((before & ~after).sum()), int((after & ~before).sum())
        print(
            f"right on {len(test)} test photos: float32 {before.mean():.4f}, int8 {after.mean():.4f}; {lost} lost and "
            f"{won} won (p = {binomtest(lost, lost + won).pvalue if lost + won else 1:.2f}); "
            f"{files[0].stat().st_size / 1e6:.1f} and {files[1].stat().st_size / 1e6:.1f} MB",
            flush=True,
        )
        for title, make in (("bare loop", bare), ("predict", predict)):
            runs = [make(file, some) for file in files]
            rounds = [[run() for run in runs] for _ in range(arguments.rounds)]
            slow, fast = (statistics.median(column) for column in zip(*rounds, strict=True))
            ratios = [quick / slow for slow, quick in rounds]
            each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"{title}: float32 {slow:.0f}, int8 {fast:.0f} photos/s: {statistics.median(ratios):.2f} (of {each})")


if __name__ == "__main__":
    main()
