"""``field_marks.json``: the ground truth of a synthetic set, to check explanations against."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from fieldmark.errors import DataError
from fieldmark.structures import Box
from fieldmark_synth.marks import PARTS
from fieldmark_synth.records import Photo
from fieldmark_synth.species import Species, separating_parts

__all__ = ["FILE_NAME", "FieldMarks", "read_field_marks", "write_field_marks"]

FILE_NAME: Final = "field_marks.json"


@dataclass(frozen=True, slots=True)
class FieldMarks:
    """The field marks that separate the species of a synthetic set, and their boxes in each photo.

    Attributes:
        classes: Names of the species, by label.
        marks: Species -> part -> value.
        pairs: Pair of species -> parts that differ.
        part_boxes: Path of the photo relative to the set -> part -> box (xyxy pixels); without hidden parts.
    """

    classes: tuple[str, ...]
    marks: dict[str, dict[str, str]]
    pairs: dict[frozenset[str], tuple[str, ...]]
    part_boxes: dict[str, dict[str, Box]]

    def separating_parts(self, first: str, second: str) -> tuple[str, ...]:
        """Return the parts that differ between two species.

        Raises:
            DataError: One of them is not in the set, or both are the same.
        """
        try:
            return self.pairs[frozenset((first, second))]
        except KeyError:
            raise DataError(
                f"expected two different species of this set, got '{first}' and '{second}': choose from "
                + ", ".join(self.classes[:10])
            ) from None


def write_field_marks(root: Path, species: list[Species], photos: list[Photo], settings: dict[str, Any]) -> None:
    """Write the file into the root folder of a set.

    Args:
        root: Folder of the set.
        species: Species, by label.
        photos: All photos.
        settings: Settings that reproduce the set.
    """
    content = {
        "settings": settings,
        "parts": list(PARTS),
        "species": [
            {"name": one.name, "genus": one.genus, "family": one.family, "marks": dict(one.marks)} for one in species
        ],
        "pairs": [
            {"first": a.name, "second": b.name, "parts": separating_parts(a, b), "look_alikes": a.genus == b.genus}
            for a, b in combinations(species, 2)
        ],
        "images": [_image(photo, species) for photo in photos],
    }
    (root / FILE_NAME).write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")


def _image(photo: Photo, species: list[Species]) -> dict[str, Any]:
    truth = photo.truth
    return {
        "path": str(photo.path),
        "species": species[photo.label].name,
        "split": photo.split,
        "box": truth.box,
        "points": {part.name: (part.x, part.y) for part in truth.parts if part.visible},
        "part_boxes": truth.part_boxes,
    }


def read_field_marks(root: Path) -> FieldMarks:
    """Read the file in the root folder of a synthetic set.

    Raises:
        DataError: The file is missing or damaged.
    """
    path = root / FILE_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return FieldMarks(
            classes=tuple(one["name"] for one in content["species"]),
            marks={one["name"]: one["marks"] for one in content["species"]},
            pairs={frozenset((p["first"], p["second"])): tuple(p["parts"]) for p in content["pairs"]},
            part_boxes={image["path"]: _boxes(image["part_boxes"]) for image in content["images"]},
        )
    except FileNotFoundError:
        raise DataError(
            f"expected {FILE_NAME} in {root}, found none: give the root of a set drawn by `fieldmark synth`"
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"expected the field marks of a synthetic set in {path}, found {error!r}: draw it again"
        ) from None


def _boxes(boxes: dict[str, list[float]]) -> dict[str, Box]:
    return {part: (x1, y1, x2, y2) for part, (x1, y1, x2, y2) in boxes.items()}
