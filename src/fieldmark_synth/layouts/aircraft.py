"""Layout of FGVC-Aircraft: lists of image ids by split, at three levels of the taxonomy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Final

from fieldmark_synth.layouts.base import Layout
from fieldmark_synth.records import Photo, Shot
from fieldmark_synth.species import Species

__all__ = ["AIRCRAFT"]

_BANNER: Final = 20
_LEVELS: Final[dict[str, tuple[str, Callable[[Species], str]]]] = {
    "variant": ("variants.txt", lambda species: species.name),
    "family": ("families.txt", lambda species: species.genus),
    "manufacturer": ("manufacturers.txt", lambda species: species.family),
}
_SPLITS: Final = {"train": ("train",), "val": ("val",), "trainval": ("train", "val"), "test": ("test",)}


def _paths(shots: list[Shot], species: list[Species]) -> list[PurePosixPath]:
    return [PurePosixPath("data", "images", f"{number:07d}.jpg") for number in range(1, len(shots) + 1)]


def _describe(root: Path, species: list[Species], photos: list[Photo]) -> None:
    data = root / "data"
    for level, (list_name, name_of) in _LEVELS.items():
        _write(data / list_name, list(dict.fromkeys(name_of(one) for one in species)))
        for split, members in _SPLITS.items():
            chosen = [photo for photo in photos if photo.split in members]
            rows = [f"{photo.path.stem} {name_of(species[photo.label])}" for photo in chosen]
            _write(data / f"images_{level}_{split}.txt", rows)
    _write(data / "images_box.txt", [_box_row(photo) for photo in photos])


def _box_row(photo: Photo) -> str:
    """Return the line of a box; its corners count from 1 and lie inside the box."""
    x1, y1, x2, y2 = (int(corner) for corner in photo.truth.box)
    return f"{photo.path.stem} {x1 + 1} {y1 + 1} {x2} {y2}"


def _write(path: Path, rows: list[str]) -> None:
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


AIRCRAFT = Layout("aircraft", _paths, _describe, val_fraction=0.2, banner=_BANNER)
