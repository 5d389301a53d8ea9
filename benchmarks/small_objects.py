"""How much of the accuracy of tight crops is left where the object fills a small part of the photo.

python benchmarks/small_objects.py CUB_200_2011_first50 --scenes FLOWERS17 [--shares 0.1 0.03] [--folds-only]
python benchmarks/small_objects.py --drawn [--shares 0.1 0.03]
python benchmarks/small_objects.py … --out FOLDER --tries tiles finer

Each object is cut out with its annotated box, at its own resolution, and set into a scene so large that the box fills
the given share of it: the middle of a photo of another set, or a drawn backdrop. The edges of the cut fade out. The
place in the scene is drawn at random. Models are fitted on tight crops of the boxes, and on the scenes without zoom and
with it. The ratio is the accuracy on scenes over that on tight crops. `--folds-only` gives the cross-validated accuracy
of the train photos, and opens no test photo. `--out` keeps the scenes with their boxes, for `zoom.py`, and what was
computed, for another call. At most `--each` photos of a class and split are taken, of the first `--classes`. `--tries`
names some of the ways to read the scenes. What a fit would log is printed, too.
"""

from __future__ import annotations

import argparse
import csv
import math
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from commands import fieldmark
from PIL import Image, ImageDraw, ImageFilter

from fieldmark.data.photos.open_photo import open_photo
from fieldmark.data.prepare import prepare
from fieldmark.data.read import read
from fieldmark.methods.linear_probe import LinearProbe
from fieldmark.recipe import build_settings
from fieldmark.structures import RecordList
from fieldmark.training.frozen.train_linear_probe import cross_validate
from fieldmark_synth import synthesize

MARGIN = 0.15
"""Share of the box that is cut out around it; the cut fades out over it."""

TRIES = {
    "centre": ("centre crop", ["resize=crop"]),
    "whole": ("whole photo", ["resize=squash"]),
    "region": ("zoom on the most active region", ["zoom=true", "zoom_tiles=0", "zoom_threshold=0"]),
    "higher": ("… above one standard deviation", ["zoom=true", "zoom_tiles=0", "zoom_threshold=1"]),
    "tiles": ("zoom by a learned locator, 2 x 2 tiles and those between", ["zoom=true", "zoom_tiles=2"]),
    "finer": ("… 3 x 3 tiles and those between", ["zoom=true", "zoom_tiles=3"]),
    "box": ("learned from the boxes, too, 2 x 2 tiles", ["crop=box", "zoom_tiles=2"]),
    "box-finer": ("… 3 x 3 tiles", ["crop=box", "zoom_tiles=3"]),
}
"""Name of a way to read the scenes -> what it is, and its settings."""

Scene = Callable[[tuple[int, int], int], Image.Image]
"""Size and number of a photo to its scene."""


def some_of_each(records: RecordList, limit: int, classes: int, folds_only: bool) -> RecordList:
    """At most so many photos of each class and split, of the first classes; for cross-validation, no test photo."""
    seen: Counter[tuple[int, str | None]] = Counter()
    chosen = []
    for record in records:
        seen[record.label, record.split] += 1
        wanted = seen[record.label, record.split] <= limit and record.label < classes
        if wanted and not (folds_only and record.split == "test"):
            chosen.append(record)
    return records.with_classes(chosen, records.classes[:classes])


def photo_scene(paths: Sequence[Path]) -> Scene:
    """Scenes out of photos: the largest middle part of a photo with the wanted proportions."""

    order = np.random.default_rng(0).permutation(len(paths))

    def draw(size: tuple[int, int], number: int) -> Image.Image:
        photo = open_photo(paths[order[number % len(order)]])
        scale = min(photo.width / size[0], photo.height / size[1])
        width, height = min(size[0] * scale, photo.width), min(size[1] * scale, photo.height)
        left, top = (photo.width - width) / 2, (photo.height - height) / 2
        return photo.resize(size, Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))

    return draw


def smooth_scene(size: tuple[int, int], number: int) -> Image.Image:
    """Coloured noise of large and small scale."""
    rng = np.random.default_rng((1, number))
    layers = [rng.normal(size=(cells, cells, 3)) / level for level, cells in enumerate((4, 16, 64), 1)]
    grown = [
        np.stack([np.asarray(Image.fromarray(layer[:, :, c].astype(np.float32)).resize(size, 3)) for c in range(3)], 2)
        for layer in layers
    ]
    return Image.fromarray(np.clip(128 + 28 * np.sum(grown, axis=0), 0, 255).astype(np.uint8))


def set_into_scenes(records: RecordList, scene: Scene, share: float, out: Path) -> Path:
    """Write scenes and tight crops of all records with a box as two CSV data sets; return their folder."""
    rows: dict[str, list[tuple[str, str, str, str]]] = {"scenes": [], "crops": []}
    for folder in rows:
        (out / folder).mkdir(parents=True)
    for index, record in enumerate(records):
        if record.box is None:
            continue
        rng = np.random.default_rng(index)
        photo = open_photo(record.path)
        x1, y1, x2, y2 = record.box
        wide, high = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
        cut = photo.crop((round(x1 - wide), round(y1 - high), round(x2 + wide), round(y2 + high)))
        side = math.sqrt((x2 - x1) * (y2 - y1) / share / 12)
        size = (max(round(4 * side), cut.width), max(round(3 * side), cut.height))
        canvas = scene(size, index)
        place = tuple(int(rng.integers(0, whole - part + 1)) for whole, part in zip(size, cut.size, strict=True))
        canvas.paste(cut, (place[0], place[1]), faded(cut.size, (round(wide), round(high))))
        name = f"{index:06d}.jpg"
        canvas.save(out / "scenes" / name, quality=95)
        tight = photo.crop((round(x1), round(y1), round(x2), round(y2)))
        tight.save(out / "crops" / name, quality=95)
        left, top = place[0] + wide, place[1] + high
        boxes = {"scenes": (left, top, left + x2 - x1, top + y2 - y1), "crops": (0, 0, *tight.size)}
        for folder, table in rows.items():
            box = " ".join(f"{edge:g}" for edge in boxes[folder])
            table.append((f"{folder}/{name}", records.classes[record.label], record.split or "", box))
    for folder, table in rows.items():
        with (out / f"{folder}.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("path", "label", "split", "box"), *table])
    return out


def faded(size: tuple[int, int], border: tuple[int, int]) -> Image.Image:
    """A mask that is opaque in the middle and fades out over the border."""
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).rectangle(
        (border[0] // 2, border[1] // 2, size[0] - border[0] // 2 - 1, size[1] - border[1] // 2 - 1), fill=255
    )
    return mask.filter(ImageFilter.GaussianBlur(max(1, min(border)) / 3))


def accuracy(data: Path, settings: Sequence[str], folder: Path, folds_only: bool) -> float:
    """Fit a linear probe and return its accuracy: on the test photos, or in cross-validation."""
    model = folder / f"model-{data.stem}-{'-'.join(settings) or 'plain'}"
    words = [word for setting in settings for word in ("--set", setting)]
    cache = folder / "cache"
    if folds_only:
        os.environ["FIELDMARK_CACHE"] = str(cache)
        chosen = build_settings("linear_probe", overrides=settings)
        assert isinstance(chosen, LinearProbe.Settings)
        run, steps = cross_validate(prepare(read(data), test_fraction=0).photos, chosen)
        print(*(f"    {step}" for step in steps), sep="\n", flush=True)
        if run.located is not None:
            print(f"    found objects fill {run.located.share:.1%} of a photo (median)", flush=True)
        return run.choice.accuracy
    fieldmark("fit", data, "--out", model, "--method", "linear_probe", *words, cache=cache)
    return float(fieldmark("evaluate", model, "--json", cache=cache).json["top1_accuracy"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--scenes", type=Path, help="a data set whose photos become scenes")
    parser.add_argument("--drawn", action="store_true", help="draw birds and backdrops instead")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.1, 0.03])
    parser.add_argument("--folds-only", action="store_true")
    parser.add_argument("--each", type=int, default=15)
    parser.add_argument("--classes", type=int, default=10_000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--tries", nargs="+", choices=TRIES, default=list(TRIES))
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.out or Path(name)
        if arguments.drawn:
            records, scene = synthesize(folder / "drawn", 12, 40, "cub", 0, 320), smooth_scene
        else:
            records, scene = read(arguments.data), photo_scene(read(arguments.scenes).paths)
        records = some_of_each(records, arguments.each, arguments.classes, arguments.folds_only)
        for share in arguments.shares:
            made = folder / f"share-{share}"
            if not (made / "scenes.csv").is_file():
                set_into_scenes(records, scene, share, made)
            plain = arguments.overrides
            tight = accuracy(made / "crops.csv", [*plain, "resize=squash"], made, arguments.folds_only)
            print(f"objects on {share:.0%} of the scene; tight crops {tight:.3f}", flush=True)
            for name in arguments.tries:
                what, settings = TRIES[name]
                found = accuracy(made / "scenes.csv", [*plain, *settings], made, arguments.folds_only)
                print(f"  {what}: {found:.3f}, {found / tight:.1%} of tight crops", flush=True)


if __name__ == "__main__":
    main()
