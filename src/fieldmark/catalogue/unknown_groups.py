"""Group the photos that show none of a model's classes, with the nearest class of each group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Float32s
from fieldmark.errors import SettingError
from fieldmark.openset.likeness import ALONE, group_alike
from fieldmark.recognizer.inputs import PhotoInput
from fieldmark.recognizer.predictor import Predictor

__all__ = ["UnknownGroup", "group_unknown", "require_unknowns"]


@dataclass(frozen=True, slots=True)
class UnknownGroup:
    """Photos that are alike, and none of the model's classes.

    Attributes:
        number: From 1 for the largest group.
        photos: Number of photos.
        nearest: The trained class that lies nearest.
        parent: The most specific ancestor of that class; empty without a taxonomy.
        rank: Rank of `parent`; empty without a taxonomy.
    """

    number: int
    photos: int
    nearest: str
    parent: str = ""
    rank: str = ""


def require_unknowns(predictor: Predictor) -> None:
    """Check that a model detects unknown photos.

    Raises:
        SettingError: It has no threshold.
    """
    if predictor.manifest.unknown is None:
        raise SettingError(
            f"the model {predictor.path} does not detect unknown photos, so they cannot be grouped: "
            "fit it again with val photos"
        )


def group_unknown(predictor: Predictor, photos: Sequence[PhotoInput]) -> list[UnknownGroup | None]:
    """Return the group of each unknown photo; None for photos that are like no other.

    Args:
        predictor: The model.
        photos: Photos that it answered as unknown.

    Raises:
        ModelError: The model has no open-set state.
        SettingError: There are too many photos.
    """
    state = predictor.open_set.state
    found = predictor.embeddings(photos, "grouping")
    good = [position for position in range(len(photos)) if position not in found.errors]
    groups: list[UnknownGroup | None] = [None] * len(photos)
    if not good:
        return groups
    vectors = state.projection(found.vectors[good])
    numbers = group_alike(vectors, state)
    described = {
        int(number): _described(predictor, int(number), vectors[numbers == number])
        for number in np.unique(numbers[numbers != ALONE])
    }
    for position, number in zip(good, numbers, strict=True):
        groups[position] = described.get(int(number))
    return groups


def _described(predictor: Predictor, number: int, vectors: Float32s) -> UnknownGroup:
    manifest, gaussians = predictor.manifest, predictor.open_set.state.gaussians
    nearest = manifest.classes[int(gaussians.distances(vectors.mean(0, keepdims=True)).argmin(1)[0])]
    ancestors = manifest.taxonomy.get(nearest, [])
    parent, rank = (ancestors[-1], manifest.ranks[len(ancestors) - 1]) if ancestors and manifest.ranks else ("", "")
    return UnknownGroup(number + 1, len(vectors), nearest, parent, rank)
