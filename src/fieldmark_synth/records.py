"""What is known about every picture of a set, planned before it is drawn and complete afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fieldmark.structures import Box, Part, Record, RecordList, Split
from fieldmark_synth.species import Species

__all__ = ["Photo", "Shot", "Truth", "records_of"]


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture to be drawn.

    Attributes:
        label: Index into the species.
        number: 0-based count within the species; with the label and the seed it decides on all pixels.
        split: Where it goes.
    """

    label: int
    number: int
    split: Split


@dataclass(frozen=True, slots=True)
class Truth:
    """What a drawing tells: the bird's box, the point and the box of each field mark (see `Drawing`)."""

    box: Box
    parts: tuple[Part, ...]
    part_boxes: dict[str, Box]


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture on disk, its path relative to the set's folder."""

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
    """The photos as records, with boxes, parts and taxonomy.

    Args:
        photos: All photos of the set.
        species: What the labels count through.
        root: The set's folder.
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
