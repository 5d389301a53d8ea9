"""Carry enrolled classes over into a new fit of the same model."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from fieldmark.arrays import Float32s
from fieldmark.artifact.gallery import Gallery, GalleryRow
from fieldmark.artifact.load import verified_file
from fieldmark.artifact.manifest import Manifest
from fieldmark.errors import ModelError
from fieldmark.openset.enrolled_classes import EnrolledClass

__all__ = ["Carried", "carry_enrolled"]


@dataclass(slots=True)
class Carried:
    """Enrolled classes of the model that a fit replaces.

    Attributes:
        classes: Those that the new model keeps.
        checksums: Their files, which stay where they are.
        rows: Their photos, for the gallery.
        vectors: (n, d) for each array of rows.
        dropped: Class -> why the new model does not keep it.
    """

    classes: list[EnrolledClass] = field(default_factory=list)
    checksums: dict[str, str] = field(default_factory=dict)
    rows: list[GalleryRow] = field(default_factory=list)
    vectors: list[Float32s] = field(default_factory=list)
    dropped: dict[str, str] = field(default_factory=dict)


def carry_enrolled(folder: Path, old: Manifest | None, key: str, classes: Collection[str] | None) -> Carried:
    """Return which enrolled classes stay. Vectors fit where old and new model have the same projection.

    Args:
        folder: The model folder.
        old: The model that is replaced, if there is one.
        key: Key of the new model's projection.
        classes: Trained classes of the new model; None where it cannot have enrolled classes.
    """
    carried = Carried()
    for facts in old.enrolled if old else []:
        if classes is None:
            carried.dropped[facts.label] = "the new model was made from too few photos to enroll classes"
        elif facts.label in classes:
            carried.dropped[facts.label] = "it is a trained class now"
        elif old is None or old.gallery is None or old.gallery.key != key:
            carried.dropped[facts.label] = "its vectors do not fit the new model; enroll it again from its photos"
        else:
            _keep(carried, folder, old, facts)
    return carried


def _keep(carried: Carried, folder: Path, old: Manifest, facts: EnrolledClass) -> None:
    try:
        verified_file(folder, old, facts.file)
        assert old.gallery is not None
        rows, vectors = Gallery(old.gallery, folder).enrolled(facts.label)
    except ModelError as error:
        carried.dropped[facts.label] = f"{error}"
        return
    carried.classes.append(facts)
    carried.checksums[facts.file] = old.checksums[facts.file]
    carried.rows += rows
    carried.vectors.append(vectors)
