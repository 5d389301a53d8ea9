"""Layout of Stanford Cars with the new devkit: MATLAB files with one struct for each photo."""

from __future__ import annotations

from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fieldmark_synth.layouts.base import Layout
from fieldmark_synth.records import Photo, Shot
from fieldmark_synth.species import Species

__all__ = ["CARS"]

_BOX_FIELDS = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")


def _paths(shots: list[Shot], species: list[Species]) -> list[PurePosixPath]:
    numbers = {"train": count(1), "test": count(1)}
    return [PurePosixPath(f"cars_{s.split}", f"{next(numbers[s.split]):05d}.jpg") for s in shots]


def _describe(root: Path, species: list[Species], photos: list[Photo]) -> None:
    from scipy.io import savemat

    devkit = root / "devkit"
    devkit.mkdir()
    names = np.empty((1, len(species)), dtype=object)
    names[0] = [one.name for one in species]
    savemat(devkit / "cars_meta.mat", {"class_names": names})
    train = [photo for photo in photos if photo.split == "train"]
    test = [photo for photo in photos if photo.split == "test"]
    savemat(devkit / "cars_train_annos.mat", {"annotations": _structs(train, labels=True)})
    savemat(devkit / "cars_test_annos.mat", {"annotations": _structs(test, labels=False)})
    savemat(devkit / "cars_test_annos_withlabels.mat", {"annotations": _structs(test, labels=True)})


def _structs(photos: list[Photo], *, labels: bool) -> NDArray[Any]:
    """Return a struct array (1, N); the corners of boxes count from 1 and lie inside the box."""
    fields = (*_BOX_FIELDS, *(("class",) if labels else ()), "fname")
    structs = np.empty((1, len(photos)), dtype=[(field, object) for field in fields])
    for index, photo in enumerate(photos):
        x1, y1, x2, y2 = (int(corner) for corner in photo.truth.box)
        label = (photo.label + 1,) if labels else ()
        structs[0, index] = (x1 + 1, y1 + 1, x2, y2, *label, photo.path.name)
    return structs


CARS = Layout("cars", _paths, _describe, has_val=False)
