"""How much accuracy a random split promises that a split by group does not keep.

The same photos, method and seeds, split at random and split so that no group lies in two splits:

    python benchmarks/group_split.py ../shared/data/clothing --group-col sender_id \\
        --drop-label "Not sure" --drop-label Other --drop-label Skip
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from fieldmark import fit
from fieldmark.data.read import read
from fieldmark.evaluation.evaluate import evaluate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--group-col", required=True)
    parser.add_argument("--drop-label", action="append", default=[])
    parser.add_argument("--method", default="linear_probe")
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    found: dict[str, list[float]] = {"random": [], "group": []}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(arguments.seeds):
            for split, column in (("random", None), ("group", arguments.group_col)):
                records = read(arguments.data, group_col=column, drop_labels=arguments.drop_label)
                recognizer = fit(records, Path(folder) / f"{split}-{seed}", method=arguments.method, seed=seed)
                metrics = evaluate(recognizer).metrics
                found[split].append(metrics.top1_accuracy)
                print(f"seed {seed} {split:6} {metrics.top1_accuracy:.3f} of {metrics.num_images}", flush=True)
    for split, values in found.items():
        print(f"{split:6} mean {np.mean(values):.3f}, standard deviation {np.std(values, ddof=1):.3f}")
    drops = np.subtract(found["random"], found["group"])
    print(f"drop   mean {drops.mean():.3f}, standard error {drops.std(ddof=1) / np.sqrt(len(drops)):.3f}")


if __name__ == "__main__":
    main()
