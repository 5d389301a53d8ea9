"""What a layout decides: where each photo lies and which files describe them."""

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
        name: By which it is chosen.
        paths: Where each shot's picture goes, relative to the set's folder.
        describe: Writes the annotation files below the set's folder.
        val_fraction: Share of the photos in the validation split where the caller names none.
        has_val: Whether the layout can tell a validation split at all.
        max_classes: The most classes that it can name; None for no limit of its own.
        banner: Height in pixels of a copyright strip that each photo carries below the picture.
    """

    name: str
    paths: Callable[[list[Shot], list[Species]], list[PurePosixPath]]
    describe: Callable[[Path, list[Species], list[Photo]], None]
    val_fraction: float = 0.0
    has_val: bool = True
    max_classes: int | None = None
    banner: int = 0


def slug(species: Species) -> str:
    """A species' name as part of a file name."""
    return species.name.lower().replace(" ", "-")
