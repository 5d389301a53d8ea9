"""Wall time, CPU time and peak memory of check, fit and predict as the photos grow.

python benchmarks/growth.py [--photos 1000,3000,10000] [--classes 50] [--plot FILE.svg]

Drawn photos of 96 pixels; `fit` is `linear_probe` and fills the gallery. A line is straight where ten times the photos
take ten times the time; the ratios printed are of time for each photo.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path

from commands import Run, fieldmark

from fieldmark_synth import synthesize

Figures = dict[str, list[tuple[int, float, float, float]]]
"""Verb -> photos, wall seconds, CPU seconds, peak GB."""


def measured(count: int, *arguments: str | Path, cache: Path) -> tuple[int, float, float, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run: Run = fieldmark(*arguments, cache=cache)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return count, run.seconds, cpu, run.peak_bytes / 1e9


def plot(figures: Figures, file: Path) -> None:
    """Draw CPU seconds and peak memory over the number of photos, both axes logarithmic."""
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.5), layout="constrained")
    for verb, rows in figures.items():
        counts, _, cpu, memory = zip(*rows, strict=True)
        left.loglog(counts, cpu, marker="o", label=verb)
        right.semilogx(counts, memory, marker="o", label=verb)
    left.set(xlabel="photos", ylabel="CPU seconds")
    right.set(xlabel="photos", ylabel="peak memory, GB", ylim=(0, None))
    left.legend()
    figure.savefig(file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", default="1000,3000,10000")
    parser.add_argument("--classes", type=int, default=50)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    figures: Figures = {"check": [], "fit": [], "predict": []}
    with tempfile.TemporaryDirectory() as folder:
        for count in map(int, arguments.photos.split(",")):
            data, model = Path(folder) / f"birds-{count}", Path(folder) / f"model-{count}"
            cache = Path(folder) / f"cache-{count}"
            synthesize(data, arguments.classes, count // arguments.classes, "folder", 0, 96)
            commands: dict[str, list[str | Path]] = {
                "check": ["check", data],
                "fit": ["fit", data, "--out", model, "--method", "linear_probe", "--image-size", "96"],
                "predict": ["predict", model, data, "--out", Path(folder) / f"answers-{count}.csv"],
            }
            for verb, words in commands.items():
                row = measured(count, *words, cache=cache)
                figures[verb].append(row)
                first = figures[verb][0]
                each = (row[2] / count) / (first[2] / first[0])
                print(
                    f"{verb}, {count:,} photos: {row[1]:.1f} s, {row[2]:.1f} CPU s, {row[3]:.2f} GB; CPU time for each "
                    f"photo {each:.2f} times that of {first[0]:,} photos, memory {row[3] / first[3]:.2f} times",
                    flush=True,
                )
    if arguments.plot:
        plot(figures, arguments.plot)


if __name__ == "__main__":
    main()
