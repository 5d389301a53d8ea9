"""Layout of one CSV with a row for each photo: path, label, split, group, box, family, genus."""

from __future__ import annotations

import csv
from pathlib import Path, PurePosixPath

from fieldmark_synth.layouts.base import Layout, slug
from fieldmark_synth.records import Photo, Shot
from fieldmark_synth.species import Species

__all__ = ["CSV"]

_COLUMNS = ("path", "label", "split", "group", "box_x1", "box_y1", "box_x2", "box_y2", "family", "genus")


def _paths(shots: list[Shot], species: list[Species]) -> list[PurePosixPath]:
    return [PurePosixPath("photos", f"{slug(species[s.label])}-{s.number + 1:04d}.jpg") for s in shots]


def _describe(root: Path, species: list[Species], photos: list[Photo]) -> None:
    with (root / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for photo in photos:
            one = species[photo.label]
            # Every picture shows a different bird, so it is its own group.
            row = (photo.path, one.name, photo.split, photo.path.stem, *photo.truth.box, one.family, one.genus)
            writer.writerow(row)


CSV = Layout("csv", _paths, _describe)
