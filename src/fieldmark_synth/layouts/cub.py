"""Layout of CUB-200-2011: text files joined by image id, with boxes and parts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from fieldmark_synth.layouts.base import Layout
from fieldmark_synth.marks import PARTS
from fieldmark_synth.records import Photo, Shot
from fieldmark_synth.species import Species

__all__ = ["CUB"]


def _folder(label: int, species: Species) -> str:
    return f"{label + 1:03d}.{species.name.replace(' ', '_')}"


def _paths(shots: list[Shot], species: list[Species]) -> list[PurePosixPath]:
    paths = []
    for shot in shots:
        name = species[shot.label].name.replace(" ", "_")
        folder = _folder(shot.label, species[shot.label])
        paths.append(PurePosixPath("images", folder, f"{name}_{shot.number + 1:04d}.jpg"))
    return paths


def _describe(root: Path, species: list[Species], photos: list[Photo]) -> None:
    ids = range(1, len(photos) + 1)
    numbered = list(zip(ids, photos, strict=True))
    _write(root / "classes.txt", ((n, _folder(n - 1, one)) for n, one in enumerate(species, 1)))
    _write(root / "images.txt", ((n, photo.path.relative_to("images")) for n, photo in numbered))
    _write(root / "image_class_labels.txt", ((n, photo.label + 1) for n, photo in numbered))
    _write(root / "train_test_split.txt", ((n, int(photo.split == "train")) for n, photo in numbered))
    _write(root / "bounding_boxes.txt", ((n, *_xywh(photo)) for n, photo in numbered))
    (root / "parts").mkdir()
    _write(root / "parts" / "parts.txt", enumerate(PARTS, 1))
    _write(root / "parts" / "part_locs.txt", (row for n, photo in numbered for row in _part_rows(n, photo)))


def _xywh(photo: Photo) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = photo.truth.box
    return (x1, y1, x2 - x1, y2 - y1)


def _part_rows(image: int, photo: Photo) -> Iterable[tuple[object, ...]]:
    for number, part in enumerate(photo.truth.parts, 1):
        yield image, number, part.x, part.y, int(part.visible)


def _write(path: Path, rows: Iterable[tuple[object, ...]]) -> None:
    path.write_text("".join(" ".join(map(str, row)) + "\n" for row in rows), encoding="utf-8")


CUB = Layout("cub", _paths, _describe, has_val=False)
