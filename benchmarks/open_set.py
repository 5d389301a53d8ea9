"""How well unknown species are told, each draw leaving other classes out of the fit.

python benchmarks/open_set.py CUB_200_2011_first50 [--left-out 10] [--draws 5] [--far FLOWERS17] [--method linear_probe]

The unknown photos are the test photos of the classes left out (near), and every photo of another data set (far). All
scores are measured; the ratio is the chosen score's AUROC over that of max softmax, where everybody starts.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from fieldmark.api import fit
from fieldmark.data.class_subset import choose_classes
from fieldmark.data.read import read
from fieldmark.evaluation.open_set import OpenSet, evaluate_open_set
from fieldmark.structures import RecordList


def beside(known: RecordList, far: RecordList, limit: int) -> RecordList:
    """The known data, and at most `limit` photos of another set as one more class, all of them test photos."""
    step = max(1, len(far) // limit)
    label = len(known.classes)
    foreign = [replace(record, label=label, split="test") for record in far[::step]]
    return RecordList([*known, *foreign], [*known.classes, "another data set"], name=known.name)


def draw(
    data: RecordList, far: RecordList | None, method: str, seed: int, left_out: int, folder: Path
) -> list[OpenSet]:
    out = np.random.default_rng(seed).permutation(len(data.classes))[:left_out]
    known = [name for label, name in enumerate(data.classes) if label not in out]
    inside = choose_classes(data, ",".join(known))
    recognizer = fit(inside, folder / f"model-{seed}", method=method, seed=seed)
    found = [evaluate_open_set(recognizer, data)]
    if far is not None:
        found.append(evaluate_open_set(recognizer, beside(inside, far, 500)))
    for kind, figures in zip(("near", "far"), found, strict=False):
        own, base = figures.scores[figures.score], figures.scores["max_softmax"]
        print(
            f"draw {seed}, {kind}: {figures.score} {own.auroc:.3f}, max softmax {base.auroc:.3f}, "
            f"top-1 {figures.top1_accuracy:.3f}, kept {figures.known_kept:.3f}, found {figures.unknown_found:.3f}",
            flush=True,
        )
    return found


def report(kind: str, draws: list[OpenSet]) -> None:
    print(f"\n{kind}: mean over {len(draws)} draws\n| score | AUROC | FPR at 95 % | OSCR |\n| --- | --- | --- | --- |")
    for name in sorted(draws[0].scores, key=lambda name: -statistics.mean(one.scores[name].auroc for one in draws)):
        rows = [asdict(one.scores[name]).values() for one in draws]
        print(
            f"| {name} | " + " | ".join(f"{statistics.mean(values):.3f}" for values in zip(*rows, strict=True)) + " |"
        )
    chosen = statistics.mean(one.scores[one.score].auroc for one in draws)
    base = statistics.mean(one.scores["max_softmax"].auroc for one in draws)
    kept, found = (statistics.mean(getattr(one, name) for one in draws) for name in ("known_kept", "unknown_found"))
    print(f"the chosen score / max softmax: {chosen / base:.3f} ({chosen - base:+.3f} AUROC)")
    print(f"known photos kept {kept:.3f}, unknown photos found {found:.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--left-out", type=int, default=10)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--far", type=Path)
    parser.add_argument("--method", default="linear_probe")
    arguments = parser.parse_args()
    data = read(arguments.data)
    far = read(arguments.far) if arguments.far else None
    with tempfile.TemporaryDirectory() as folder:
        draws = [
            draw(data, far, arguments.method, seed, arguments.left_out, Path(folder)) for seed in range(arguments.draws)
        ]
    report("near, classes left out", [found[0] for found in draws])
    if far is not None:
        report("far, another data set", [found[1] for found in draws])


if __name__ == "__main__":
    main()
