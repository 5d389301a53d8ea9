"""Whether zoom helps or harms on photos as they are, and whether `zoom=auto` tells which.

python benchmarks/zoom_on_photos.py CUB_200_2011_first50 [--each 15] [--classes 20]
FIELDMARK_CACHE=FOLDER/share-0.03/cache python benchmarks/zoom_on_photos.py FOLDER/share-0.03/scenes.csv --fits auto
python benchmarks/zoom_on_photos.py clothing --group-col sender_id --drop-label "Not sure" --drop-label Skip

Each line has the cross-validated accuracy on train photos, and what the fit logs: what zoom gains, how many times the
time answers take, and for `auto` what it chose. At most `--each` train photos of each of the first `--classes` are
taken. No test photo is opened. The scenes that `small_objects.py --out FOLDER` keeps are such data, too; with its
folder ``cache`` as FIELDMARK_CACHE, they are not read again.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
from pathlib import Path

from small_objects import some_of_each

from fieldmark.data.prepare import prepare
from fieldmark.data.read import read
from fieldmark.methods.auto import Auto
from fieldmark.methods.linear_probe import LinearProbe
from fieldmark.recipe import build_settings
from fieldmark.structures import RecordList
from fieldmark.training.frozen.train_auto import train_auto
from fieldmark.training.frozen.train_linear_probe import cross_validate

FITS = {
    "none": ("linear_probe", ["resize=squash"]),
    "region": ("linear_probe", ["zoom=true", "zoom_tiles=0"]),
    "tiles": ("linear_probe", ["zoom=true", "zoom_tiles=2"]),
    "finer": ("linear_probe", ["zoom=true", "zoom_tiles=3"]),
    "box": ("linear_probe", ["crop=box"]),
    "auto": ("auto", ["zoom=auto", "backbone=lite0", "image_size=224"]),
}
"""Name of a fit -> its method and settings."""


def write_table(records: RecordList, out: Path) -> Path:
    """Write the train photos as a CSV data set, each with its group and box."""
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label", "group", "box"))
        for record in records:
            box = " ".join(f"{edge:g}" for edge in record.box or ())
            writer.writerow((record.path.resolve(), records.classes[record.label], record.group or "", box))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--each", type=int, default=10_000)
    parser.add_argument("--classes", type=int, default=10_000)
    parser.add_argument("--group-col")
    parser.add_argument("--drop-label", action="append", default=[])
    parser.add_argument("--fits", nargs="+", choices=FITS, default=["none", "region", "tiles", "auto"])
    arguments = parser.parse_args()
    records = read(arguments.data, group_col=arguments.group_col, drop_labels=arguments.drop_label)
    records = some_of_each(records, arguments.each, arguments.classes, folds_only=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = write_table(records, folder / "photos.csv")
        os.environ.setdefault("FIELDMARK_CACHE", str(folder / "cache"))
        photos = prepare(read(table), test_fraction=0).photos
        print(f"{len(records):,} photos of {len(records.classes)} classes", flush=True)
        for fit in arguments.fits:
            method, settings = FITS[fit]
            chosen = build_settings(method, overrides=settings)
            if isinstance(chosen, LinearProbe.Settings):
                run, steps = cross_validate(photos, chosen)
                reached: float | None = run.choice.accuracy
                if run.located is not None:
                    steps.append(f"found objects fill {run.located.share:.1%} of a photo (median)")
            else:
                assert isinstance(chosen, Auto.Settings)
                trained = train_auto(photos, chosen, folder)
                reached, steps = trained.estimate, trained.steps
            print(f"{fit}: {reached:.3f}", *steps, sep="\n  ", flush=True)


if __name__ == "__main__":
    main()
