"""Does the learning curve of half of the photos foresee the accuracy with all of them?

    python benchmarks/learning_curve.py DATA... [--repeats 10]

A quarter of the photos, whole groups, is held out. The curve is measured on half of the others and extrapolated to
twice its photos. Then a head is fitted on all the others and measured on the held-out quarter. Printed for each data
set: the mean accuracy that was foreseen and measured, the mean absolute error of the forecast, the same for the
forecast that nothing changes, and how many intervals hold the measured accuracy.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from fieldmark.backbones.bundled_embeddings import embed
from fieldmark.data.prepare import survey
from fieldmark.data.read import read
from fieldmark.data.splits import join_groups
from fieldmark.evaluation.learning_curve import fit_and_predict, learning_curve


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", nargs="+", type=Path)
    parser.add_argument("--repeats", type=int, default=10)
    options = parser.parse_args()
    print("| data | foreseen | measured | error of the forecast | error of no change | intervals that hold | s |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for data in options.data:
        seen = survey(read(data))
        features = embed(seen.records.paths)
        labels = np.array(seen.records.labels)
        groups = np.array(join_groups(seen.records, seen.groups()))
        print(_row(data.name, features, labels, groups, seen.records.classes, options.repeats), flush=True)


def _row(
    name: str, features: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: tuple[str, ...], repeats: int
) -> str:
    foreseen, measured, before, held, seconds = [], [], [], 0, 0.0
    for seed in range(repeats):
        generator = np.random.default_rng(seed)
        order = generator.permutation(int(groups.max()) + 1)[groups] / (groups.max() + 1)  # a place for each group
        test, half = order < 0.25, order >= 0.625
        known = np.isin(labels, np.unique(labels[half]))
        started = time.monotonic()
        numbers = np.unique(labels[half], return_inverse=True)[1]
        curve, _ = learning_curve(features[half], numbers, groups[half], classes, seed=seed)
        seconds += time.monotonic() - started
        answers = fit_and_predict(features[~test & known], labels[~test & known], features[test & known])
        truth = float((answers == labels[test & known]).mean())
        foreseen.append(curve.doubled.accuracy.value)
        measured.append(truth)
        before.append(curve.now.accuracy.value)
        held += curve.doubled.accuracy.low <= truth <= curve.doubled.accuracy.high
    errors = [float(np.abs(np.subtract(one, measured)).mean()) for one in (foreseen, before)]
    return (
        f"| {name} | {np.mean(foreseen):.3f} | {np.mean(measured):.3f} | {errors[0]:.3f} | {errors[1]:.3f} | "
        f"{held} of {repeats} | {seconds / repeats:.1f} |"
    )


if __name__ == "__main__":
    main()
