"""CPU time and peak memory of check, fit, predict, evaluate, enroll, search and guide as the photos grow.

python benchmarks/growth.py [--rows 1000x50,10000x50,10000x1000] [--csv FILE] [--folder DIR] [--plot FILE.svg]

A row is a number of photos and of classes. The photos are drawn: 96 pixels, an object with the stripes of its class in
a random scene; one in five is for testing. `fit` is `linear_probe` at 96 pixels and fills the gallery; `enroll` adds a
class of four photos. A line is straight where ten times the photos take ten times the time; the start of the process,
which takes 3 to 8 s, hides that for few photos. The last column therefore compares each row with the one before it,
without the time of the smallest row: 1 is a straight line.

With --csv, verbs that stand there are not measured again. With --folder, too, the photos and the model of an unfinished
row stay, so that the same command goes on with the next verb; a verb that was stopped starts again.
"""

from __future__ import annotations

import argparse
import csv
import resource
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from commands import fieldmark
from numpy.typing import NDArray
from PIL import Image, ImageDraw

VERBS = ("check", "fit", "predict", "evaluate", "enroll", "search", "guide")
_SIDE = 96
_TESTING = 5  # one photo in five


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command took."""

    photos: int
    classes: int
    verb: str
    cpu_seconds: float
    wall_seconds: float
    peak_gb: float


def draw_photos(folder: Path, photos: int, classes: int, seed: int = 0) -> None:
    """Write `photos` JPEGs in the layout train/CLASS, test/CLASS; few of them are near-duplicates."""
    random = np.random.default_rng(seed)
    looks = [(random.uniform(0, np.pi), random.uniform(4, 24), random.integers(40, 216, 3)) for _ in range(classes)]
    for part in ("train", "test"):
        for label in range(classes):
            (folder / part / f"{label:04}").mkdir(parents=True)
    for number in range(photos):
        label, serial = number % classes, number // classes
        part = "test" if serial % _TESTING == _TESTING - 1 else "train"
        scene = _scene(random)
        mask = Image.new("L", scene.size)
        ImageDraw.Draw(mask).ellipse(_box(random, 40, 80), fill=255)
        scene.paste(_stripes(random, *looks[label]), mask=mask)
        scene.save(folder / part / f"{label:04}" / f"{serial:06}.jpg", quality=90)


def _scene(random: np.random.Generator) -> Image.Image:
    """Return clouds with shapes of random places, sizes and colours."""
    scene = Image.fromarray(random.integers(0, 256, (4, 4, 3), dtype=np.uint8)).resize((_SIDE, _SIDE), 3)
    pen = ImageDraw.Draw(scene)
    for _ in range(random.integers(3, 12)):
        draw = (pen.ellipse, pen.rectangle, pen.line)[random.integers(3)]
        draw(_box(random, 4, 60), fill=tuple(random.integers(0, 256, 3).tolist()))
    return scene


def _stripes(random: np.random.Generator, angle: float, waves: float, colour: NDArray[np.int64]) -> Image.Image:
    y, x = np.mgrid[:_SIDE, :_SIDE] / _SIDE
    turned = angle + random.normal(0, 0.1)
    stripes = 40 * np.sin(2 * np.pi * waves * (x * np.cos(turned) + y * np.sin(turned)) + random.uniform(0, 7))
    return Image.fromarray(np.clip(colour + stripes[..., None], 0, 255).astype(np.uint8))


def _box(random: np.random.Generator, least: int, most: int) -> tuple[int, int, int, int]:
    """Return a random xyxy box with sides of `least` to `most` pixels."""
    width, height = random.integers(least, most + 1, 2).tolist()
    left, top = (random.integers(0, _SIDE - side + 1) for side in (width, height))
    return int(left), int(top), int(left) + width, int(top) + height


def measured(photos: int, classes: int, arguments: Sequence[str | Path], cache: Path) -> Cost:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = fieldmark(*arguments, cache=cache)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(photos, classes, str(arguments[0]), cpu, run.seconds, run.peak_bytes / 1e9)


def measure(photos: int, classes: int, folder: Path, done: Collection[str]) -> Iterator[Cost]:
    """Draw photos and run every verb on them that is not done yet."""
    data, model, newcomer = folder / "photos", folder / "model", folder / "newcomer"
    if not (folder / "drawn").is_file():
        for place in (data, newcomer):
            shutil.rmtree(place, ignore_errors=True)
        draw_photos(data, photos, classes)
        draw_photos(newcomer, 10, 2, seed=1)
        (folder / "drawn").touch()
    known = next(data.rglob("*.jpg"))
    commands: list[list[str | Path]] = [
        ["check", data],
        ["fit", data, "--out", model, "--method", "linear_probe", "--image-size", str(_SIDE)],
        ["predict", model, data, "--out", folder / "answers.csv"],
        ["evaluate", model],
        ["guide", model, "--out", folder / "guide.html"],
        ["search", model, known],
        ["enroll", model, "--label", "newcomer", newcomer / "train" / "0000"],
    ]
    for words in commands:
        if words[0] not in done:
            yield measured(photos, classes, words, folder / "cache")


def table(costs: Sequence[Cost]) -> str:
    """Return a line for each verb and row, with the growth beyond the smallest row as a multiple of a straight line."""
    lines = []
    for verb in VERBS:
        own = [cost for cost in costs if cost.verb == verb]
        for place, cost in enumerate(own):
            line = f"{verb:8} {cost.photos:>8,} x {cost.classes:<5} {cost.cpu_seconds:8.1f} CPU s {cost.peak_gb:.2f} GB"
            line += f", memory {cost.peak_gb / own[0].peak_gb:.2f} times the smallest"
            alike = [one for one in own[1:place] if one.classes == cost.classes]
            if alike and cost.classes == own[0].classes:
                slopes = [
                    (one.cpu_seconds - own[0].cpu_seconds) / (one.photos - own[0].photos) for one in (alike[-1], cost)
                ]
                line += f", CPU time {slopes[1] / slopes[0]:.2f} times a straight line"
            lines.append(line)
    return "\n".join(lines)


def plot(costs: Sequence[Cost], file: Path) -> None:
    """Draw CPU seconds and peak memory over the number of photos, for the number of classes of the first row."""
    import matplotlib.pyplot as plt

    plt.rcParams["svg.hashsalt"] = "growth"
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.5), layout="constrained")
    for verb in VERBS:
        rows = [cost for cost in costs if cost.verb == verb and cost.classes == costs[0].classes]
        counts = [cost.photos for cost in rows]
        left.loglog(counts, [cost.cpu_seconds for cost in rows], marker="o", label=verb)
        right.semilogx(counts, [cost.peak_gb for cost in rows], marker="o", label=verb)
    left.set(xlabel="photos", ylabel="CPU seconds")
    right.set(xlabel="photos", ylabel="peak memory, GB", ylim=(0, None))
    left.legend(fontsize="small")
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


def read_costs(file: Path | None) -> dict[tuple[int, int, str], Cost]:
    """Return what was measured: photos, classes and verb -> cost, the last one of several."""
    if file is None or not file.is_file():
        return {}
    names = [each.name for each in fields(Cost)][3:]
    with file.open() as opened:
        found = [
            Cost(int(row["photos"]), int(row["classes"]), row["verb"], *(float(row[name]) for name in names))
            for row in csv.DictReader(opened)
        ]
    return {(cost.photos, cost.classes, cost.verb): cost for cost in found}


def append(file: Path, cost: Cost) -> None:
    is_new = not file.exists()
    with file.open("a", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerows([[each.name for each in fields(Cost)]] if is_new else [])
        writer.writerow(astuple(cost))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="1000x50,10000x50,10000x1000", help="PHOTOSxCLASSES, separated by commas")
    parser.add_argument(
        "--csv",
        type=Path,
        help="append what is measured; earlier rows join the table and the plot, and are not measured again",
    )
    parser.add_argument("--folder", type=Path, help="keep the photos and models of unfinished rows here")
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    costs = read_costs(arguments.csv)
    for row in filter(None, arguments.rows.split(",")):
        photos, classes = map(int, row.split("x"))
        with tempfile.TemporaryDirectory() as temporary:
            folder = (arguments.folder or Path(temporary)) / row
            done = {verb for *size, verb in costs if size == [photos, classes]}
            if done < set(VERBS):
                folder.mkdir(parents=True, exist_ok=True)
                for cost in measure(photos, classes, folder, done if (folder / "drawn").is_file() else ()):
                    costs[photos, classes, cost.verb] = cost
                    if arguments.csv:
                        append(arguments.csv, cost)
                shutil.rmtree(folder)
        print(table(list(costs.values())), flush=True)
    if arguments.plot:
        plot(list(costs.values()), arguments.plot)


if __name__ == "__main__":
    main()
