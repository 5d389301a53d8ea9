"""What the methods reach on a data set with an official split, with time, memory, and a repeat on cached features.

python benchmarks/real_sets.py DATA --methods linear_probe,auto [--seeds 1] [--repeat] [--set key=value ...]
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
from pathlib import Path

from commands import Run, fieldmark

from fieldmark.data.read import read


def coarse_accuracy(data: Path, rows: Path) -> float | None:
    """Share of photos whose answer has the truth's last ancestor; None for data without taxonomy."""
    records = read(data)
    parent = {records.classes[record.label]: record.taxonomy[-1] for record in records if record.taxonomy}
    if not parent:
        return None
    with rows.open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    return statistics.mean(parent[row["truth"]] == parent[row["answer"]] for row in table)


def measure(data: Path, method: str, seed: int, folder: Path, extra: list[str], repeat: bool) -> dict[str, float]:
    model, cache = folder / f"{method}-{seed}", folder / f"cache-{method}-{seed}"
    command: list[str | Path] = ["fit", data, "--out", model, "--method", method, "--seed", str(seed), *extra]
    fit = fieldmark(*command, cache=cache)
    rows = folder / f"{method}-{seed}.csv"
    test = fieldmark("evaluate", model, "--json", "--rows", rows, cache=cache)
    figures = {"top1": test.json["top1_accuracy"], "ece": test.json["ece"], "seconds": fit.seconds}
    figures["peak_gb"] = fit.peak_bytes / 1e9
    coarse = coarse_accuracy(data, rows)
    if coarse is not None:
        figures["coarse"] = coarse
    if repeat:
        again: Run = fieldmark(*command, cache=cache)
        figures["repeat_seconds"] = again.seconds
        second = fieldmark("evaluate", model, "--json", cache=cache).json
        figures["same_numbers"] = float(second == test.json)
    print("  " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items()), flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--methods", default="linear_probe,auto")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--repeat", action="store_true")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--budget")
    arguments = parser.parse_args()
    extra = [word for pair in arguments.overrides for word in ("--set", pair)]
    extra += ["--budget", arguments.budget] if arguments.budget else []
    with tempfile.TemporaryDirectory() as folder:
        for method in arguments.methods.split(","):
            runs = [
                measure(arguments.data, method, seed, Path(folder), extra, arguments.repeat)
                for seed in range(arguments.seeds)
            ]
            means = {name: statistics.mean(run[name] for run in runs) for name in runs[0]}
            print(f"{method}: " + ", ".join(f"{name} {value:.4g}" for name, value in means.items()), flush=True)


if __name__ == "__main__":
    main()
