"""Layout of Oxford Flowers-102: numbered photos; labels and splits in MATLAB files."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from fieldmark_synth.layouts.base import Layout
from fieldmark_synth.records import Photo, Shot
from fieldmark_synth.species import Species

__all__ = ["FLOWERS"]


def _paths(shots: list[Shot], species: list[Species]) -> list[PurePosixPath]:
    return [PurePosixPath("jpg", f"image_{number:05d}.jpg") for number in range(1, len(shots) + 1)]


def _describe(root: Path, species: list[Species], photos: list[Photo]) -> None:
    from scipy.io import savemat

    labels = np.array([[photo.label + 1 for photo in photos]], dtype=np.uint32)
    savemat(root / "imagelabels.mat", {"labels": labels})
    names = {"train": "trnid", "val": "valid", "test": "tstid"}
    members = {
        variable: np.array([[n for n, photo in enumerate(photos, 1) if photo.split == split]], dtype=np.uint32)
        for split, variable in names.items()
    }
    savemat(root / "setid.mat", members)


# The files of this layout have no class names: readers use the 102 names of the original set.
FLOWERS = Layout("flowers", _paths, _describe, val_fraction=0.2, max_classes=102)
