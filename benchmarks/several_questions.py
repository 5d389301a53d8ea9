"""What one fit for several questions costs in accuracy, and saves in work, against a fit for each of them.

    python benchmarks/several_questions.py DATA --label-col label,kids [--group-col NAME] [--drop-label NAME ...]
    python benchmarks/several_questions.py CUB --attributes FOLDER [--image-size 224]

All fits have the same splits: those that the first question draws. Every fit is tested on the test photos that have a
label for its question. The photos whose features a fit reads are counted. The fits share a cache, to save time.

With `--attributes`, DATA is CUB-200-2011 and FOLDER its annotations. The questions are the species, the last word of
its name (Albatross), and the value of some attributes that annotators saw most often in photos of the species.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import fieldmark
from fieldmark.backbones.feature_table import FeatureTable
from fieldmark.backbones.frozen_features import FrozenFeatures
from fieldmark.data.asked_photos import ask
from fieldmark.data.prepare import Prepared, prepare
from fieldmark.data.read import read
from fieldmark.evaluation.result import Evaluation
from fieldmark.fit import fit_prepared
from fieldmark.recipe import build_settings

ATTRIBUTES = ("has_bill_shape", "has_size", "has_primary_color", "has_wing_pattern")


def cub_table(root: Path, annotations: Path, out: Path) -> Path:
    """Write a table with the photos of CUB-200-2011, their species and what follows from it, and return it."""
    names = [line.split(" ", 1)[1] for line in (annotations / "attributes.txt").read_text().splitlines()]
    shares = [
        [float(cell) for cell in line.split()]
        for line in (annotations / "attributes" / "class_attribute_labels_continuous.txt").read_text().splitlines()
    ]

    def usual(species: int, attribute: str) -> str:
        columns = [column for column, name in enumerate(names) if name.startswith(f"{attribute}::")]
        return names[max(columns, key=lambda column: shares[species][column])].partition("::")[2]

    with out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "species_name", "kind", *ATTRIBUTES, "split"))
        for record in (records := read(root, "cub200_2011")):
            name = records.classes[record.label]
            number = int(record.path.parent.name.partition(".")[0]) - 1
            attributes = [usual(number, attribute) for attribute in ATTRIBUTES]
            writer.writerow((record.path.absolute(), name, name.split()[-1], *attributes, record.split))
    return out


def fitted(prepared: Prepared, options: dict[str, Any], out: Path) -> int:
    """Fit, and return how many photos it reads features of: so many pass through the backbone with an empty cache."""
    passed: list[int] = []
    extract = FrozenFeatures.extract

    def counted(self: FrozenFeatures, records: Sequence[Any], **rest: Any) -> FeatureTable:
        passed.append(len(records))
        return extract(self, records, **rest)

    FrozenFeatures.extract = counted  # type: ignore[method-assign, assignment]
    try:
        fit_prepared(prepared, build_settings(options=options), out)
    finally:
        FrozenFeatures.extract = extract  # type: ignore[method-assign]
    return sum(passed)


def line(name: str, several: Evaluation, alone: Evaluation) -> str:
    """Return the row of a question."""
    one, other = several.metrics, alone.metrics
    low, high = one.top1_interval
    cells = [
        name,
        f"{one.num_images:,}",
        str(len(several.records.classes)),
        f"{one.top1_accuracy:.1%} ({100 * low:.1f}–{100 * high:.1f})",
        f"{other.top1_accuracy:.1%}",
        f"{one.ece:.3f}",
        f"{other.ece:.3f}",
    ]
    for metrics in (one, other):
        missing = metrics.set_coverage is None
        cells.append("none" if missing else f"{metrics.set_coverage:.1%}, {metrics.set_size:.2f} classes")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--attributes", type=Path)
    parser.add_argument("--label-col")
    parser.add_argument("--group-col")
    parser.add_argument("--drop-label", action="append", default=[])
    parser.add_argument("--method", default="linear_probe")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    options = {name: getattr(given, name) for name in ("method", "image_size", "epochs", "seed")}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        data, columns = given.data, given.label_col
        if given.attributes:
            data = cub_table(given.data, given.attributes, folder / "cub.csv")
            columns = ",".join(("species_name", "kind", *ATTRIBUTES))
        records = read(data, label_col=columns, group_col=given.group_col, drop_labels=given.drop_label)
        prepared = prepare(records, given.seed)
        photos = prepared.photos
        passed = fitted(prepared, options, folder / "several")
        test = photos.of_split("test")
        several = fieldmark.load(folder / "several").evaluate(test.records)
        tables = [photos] + [ask(photos, number).photos for number in range(len(records.further))]
        measured = [several, *several.questions.values()]
        print("| question | test photos | classes | top-1 | alone | ECE | alone | sets | alone |")
        print(f"|{' --- |' * 9}")
        total = 0
        for number, (table, own) in enumerate(zip(tables, measured, strict=True)):
            alone = replace(table, records=table.records.first_question())
            out = folder / f"alone_{number}"
            total += fitted(replace(prepared, photos=alone), options, out)
            found = fieldmark.load(out).evaluate(alone.of_split("test").records)
            print(line(table.records.label_name, own, found))
            if not number:
                same = own.metrics.to_dict() == found.metrics.to_dict()
    print(f"all figures of the first question are those of a fit for it alone: {same}")
    ratio = f"{total / passed:.2f} times as many"
    print(f"photos through the backbone: {passed:,} in one fit, {total:,} in {len(tables)} fits: {ratio}")


if __name__ == "__main__":
    main()
