"""Where the photos of a fit show their objects: by a locator that did not learn from the photo itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from fieldmark.arrays import Float32s, Ints
from fieldmark.backbones.frozen_features import FeatureTable, FrozenFeatures
from fieldmark.backbones.runners.device import Device
from fieldmark.cores import available_cpus
from fieldmark.data.photos.annotations import upright_size
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.tiles import central_places, joined_tiles
from fieldmark.data.photos.zoom import Zoom, find_object
from fieldmark.structures import Box, Record
from fieldmark.training.frozen.choice_cache import choice_key, remembered_arrays
from fieldmark.training.frozen.choose_head import fold_numbers, thin_out
from fieldmark.training.frozen.fit_locator import fit_locator, fit_whitening
from fieldmark.training.frozen.single_thread import one_thread_each

__all__ = ["Labelled", "Located", "fitted_scores", "locate_objects"]

LOCATOR_PHOTOS = 2000
"""Maximum number of photos that a locator learns from. The objects of all others are found by it."""

_CHUNK = 64  # photos


@dataclass(frozen=True, slots=True)
class Labelled:
    """Photos that the head learns from.

    Attributes:
        positions: Their places among the records, (n,).
        labels: Their classes, (n,).
        groups: Their groups, (n,); a group lies in one fold.
        num_classes: K.
        folds: Number of folds.
        seed: Of the folds.
    """

    positions: Ints
    labels: Ints
    groups: Ints
    num_classes: int
    folds: int
    seed: int


@dataclass(frozen=True, slots=True)
class Located:
    """What a locator found.

    Attributes:
        weight: Of each channel of the narrow map, (C',), learned from all labelled photos.
        boxes: Where each record shows its object, xyxy in its pixels; None where the photo cannot be read.
    """

    weight: Float32s
    boxes: list[Box | None]


def locate_objects(
    local_features: nn.Module,
    shape: tuple[int, int],
    preprocess: Preprocess,
    zoom: Zoom,
    records: Sequence[Record],
    labelled: Labelled,
    *,
    device: Device = "auto",
    content_keys: Mapping[Path, str],
    description: str,
) -> Located:
    """Learn a locator, and return it with the boxes of all records.

    The box of a photo that the locator learned from comes from one that learned from the other folds. Otherwise its
    own label would place the crop, and heads would learn from better crops than answers get.

    Args:
        local_features: Images to ``local``, the narrow map as (B, L * C').
        shape: L and C'.
        preprocess: How a tile becomes an input.
        zoom: Its `tiles`.
        records: The photos.
        labelled: Those that the head learns from.
        device: Where the features are computed.
        content_keys: See `FrozenFeatures.extract`.
        description: Text before the progress bar.
    """
    places, channels = shape
    frozen = FrozenFeatures(local_features, {"local": places * channels}, preprocess, device=device)
    table = frozen.extract_tiles(records, zoom.tiles, content_keys=content_keys, description=description)
    key = choice_key(
        "locator", frozen.key, zoom.looks, [content_keys.get(one.path) for one in records], *_parts(labelled)
    )
    held = remembered_arrays(key, lambda: fitted_scores(table, channels, labelled))
    boxes: list[Box | None] = []
    for record, scores in zip(records, held["scores"], strict=True):
        readable = bool(np.isfinite(scores).all())
        boxes.append(find_object(scores[None], preprocess, upright_size(record), zoom) if readable else None)
    return Located(held["weight"], boxes)


def _parts(labelled: Labelled) -> tuple[object, ...]:
    return (labelled.positions, labelled.labels, labelled.groups, labelled.num_classes, labelled.folds, labelled.seed)


def _places(table: FeatureTable, positions: Ints, channels: int) -> Float32s:
    """Return the local features of all places of all tiles, (n, V, L, C')."""
    by_tile = [
        table.read("local", positions, tile).reshape(len(positions), -1, channels) for tile in range(table.views)
    ]
    return np.stack(by_tile, 1)


def _central(table: FeatureTable, positions: Ints, channels: int) -> Float32s:
    """Return the local features that a locator learns from: of the `central_places`, (n, L, C').

    Those at the borders between tiles see an object that is cut, which others show whole.
    """
    features = _places(table, positions, channels)
    central = central_places((math.isqrt(table.views) + 1) // 2, features.shape[2])
    return features.reshape(len(positions), -1, channels)[:, central]


def fitted_scores(table: FeatureTable, channels: int, labelled: Labelled) -> dict[str, Float32s]:
    """Return the ``weight`` (C',) of the locator, and ``scores`` (n, H * H) of all records, NaN for unreadable ones.

    Args:
        table: ``local`` of each tile of each record, (L * C',).
        channels: C'.
        labelled: The photos to learn from.
    """
    chosen = thin_out(labelled.labels, LOCATOR_PHOTOS, labelled.seed)
    positions, labels, groups = labelled.positions[chosen], labelled.labels[chosen], labelled.groups[chosen]
    fold_of = fold_numbers(labels, groups, labelled.folds, labelled.seed)
    chunks = [positions[start : start + _CHUNK] for start in range(0, len(positions), _CHUNK)]
    whitening = fit_whitening(_central(table, rows, channels).reshape(-1, channels) for rows in chunks)
    features = np.concatenate([whitening(_central(table, rows, channels)) for rows in chunks])

    def fit(fold: int) -> Float32s:
        inside = fold_of != fold
        return whitening.components @ fit_locator(features[inside], labels[inside], labelled.num_classes)

    with one_thread_each(available_cpus()) as pool:
        *others, weight = pool.map(fit, [*range(fold_of.max() + 1), -1])
    of_record = np.full(len(table.rows), -1)
    of_record[positions] = fold_of
    readable = np.array([index for index in range(len(table.rows)) if index not in table.failed])
    scores: list[Float32s] = []
    for start in range(0, len(readable), _CHUNK):
        rows = readable[start : start + _CHUNK]
        weights = np.stack([weight if of_record[row] < 0 else others[of_record[row]] for row in rows])
        by_tile = np.einsum("nvlc,nc->nvl", _places(table, rows, channels), weights)
        scores.append(joined_tiles(by_tile)[:, 0])
    found = np.full((len(table.rows), scores[0].shape[1]), np.nan, dtype=np.float32)
    found[readable] = np.concatenate(scores)
    return {"weight": np.asarray(weight, dtype=np.float32), "scores": found}
