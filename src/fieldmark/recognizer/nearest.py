"""Search the gallery of a model for the known photos nearest to a photo."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fieldmark.artifact.gallery import Neighbour
from fieldmark.errors import SettingError
from fieldmark.recognizer.inputs import PhotoInput
from fieldmark.recognizer.predictor import Predictor
from fieldmark.recognizer.run_photos import run_all

__all__ = ["nearest_photos"]


def nearest_photos(
    predictor: Predictor, photos: Sequence[PhotoInput], k: int = 5
) -> tuple[list[list[Neighbour]], dict[int, str]]:
    """Return the nearest known photos of each photo, and position -> why a photo cannot be read.

    Raises:
        SettingError: `k` is below 1.
        ModelError: The model has no gallery.
    """
    if k < 1:
        raise SettingError(f"the number of neighbours must be at least 1, but is {k}")
    gallery = predictor.gallery
    found = run_all(photos, predictor.graphs.embed, predictor.graphs, "searching")
    neighbours: list[list[Neighbour]] = [[] for _ in photos]
    if found.outputs is not None:
        vectors = predictor.open_set.state.projection(found.outputs.astype(np.float32))
        for position, near in zip(found.positions, gallery.search(vectors, k), strict=True):
            neighbours[position] = near
    return neighbours, found.errors
