"""Records about every picture of a set: its plan before drawing, its ground truth afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fieldmark.structures import Box, Part, Record, RecordList, Split
from fieldmark_synth.species import Species

__all__ = ["Photo", "Shot", "Truth", "records_of"]


@dataclass(frozen=True, slots=True)
class Shot:
    """A planned picture.

    Attributes:
        label: Index into the species.
        number: 0-based number within the species. Label, number and seed determine all pixels.
        split: Split of the picture.
    """

    label: int
    number: int
    split: Split


@dataclass(frozen=True, slots=True)
class Truth:
    """Ground truth: the bird's box, and point and box of each field mark; see `Drawing`."""

    box: Box
    parts: tuple[Part, ...]
    part_boxes: dict[str, Box]


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture on disk; its path is relative to the folder of the set."""

    path: PurePosixPath
    shot: Shot
    truth: Truth

    @property
    def split(self) -> Split:
        return self.shot.split

    @property
    def label(self) -> int:
        return self.shot.label


def records_of(photos: list[Photo], species: list[Species], root: Path, banner: int) -> RecordList:
    """Return the photos as records, with boxes, parts and taxonomy.

    Args:
        photos: All photos of the set.
        species: Species, by label.
        root: Folder of the set.
        banner: Height in pixels of the strip at the bottom of each photo.
    """
    records = [
        Record(
            path=root / photo.path,
            label=photo.label,
            split=photo.split,
            box=photo.truth.box,
            parts=photo.truth.parts,
            taxonomy=(species[photo.label].family, species[photo.label].genus),
            trim_bottom=banner,
        )
        for photo in photos
    ]
    classes = [one.name for one in species]
    return RecordList(records, classes, name="synth", root=root, ranks=("family", "genus"))
