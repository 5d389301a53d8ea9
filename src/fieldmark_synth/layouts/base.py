"""What a layout defines: the path of each photo and the annotation files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fieldmark_synth.records import Photo, Shot
from fieldmark_synth.species import Species

__all__ = ["Layout", "slug"]


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to write a set.

    Attributes:
        name: Name of the layout, as the user gives it.
        paths: Returns the path of each shot, relative to the folder of the set.
        describe: Writes the annotation files into the folder of the set.
        val_fraction: Default share of the photos in the val split.
        has_val: Whether the layout can have a val split.
        max_classes: Maximum number of classes; None for no limit.
        banner: Height in pixels of a copyright strip below each picture.
    """

    name: str
    paths: Callable[[list[Shot], list[Species]], list[PurePosixPath]]
    describe: Callable[[Path, list[Species], list[Photo]], None]
    val_fraction: float = 0.0
    has_val: bool = True
    max_classes: int | None = None
    banner: int = 0


def slug(species: Species) -> str:
    """Return the name of a species as part of a file name."""
    return species.name.lower().replace(" ", "-")
