"""Where the photos of a fit show their objects: by a locator that did not learn from the photo itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from torch import nn

from fieldmark.arrays import Bools, Float32s, Ints
from fieldmark.backbones.feature_table import FeatureTable
from fieldmark.backbones.frozen_features import FrozenFeatures
from fieldmark.backbones.runners.device import Device
from fieldmark.cores import available_cpus
from fieldmark.data.photos.annotations import upright_size
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.tiles import central_places, joined_tiles, place_centres
from fieldmark.data.photos.zoom import Zoom, find_object
from fieldmark.structures import Box, Record
from fieldmark.training.frozen.choice_cache import choice_key, remembered_arrays
from fieldmark.training.frozen.choose_head import thin_out
from fieldmark.training.frozen.fit_locator import fit_locator, fit_whitening
from fieldmark.training.frozen.fold_numbers import fold_numbers
from fieldmark.training.frozen.single_thread import one_thread_each

__all__ = ["Labelled", "Located", "boxed_places", "fitted_scores", "locate_objects"]

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
        boxes: Where each of them shows its object, xyxy in its pixels, None for no box; empty without any.
    """

    positions: Ints
    labels: Ints
    groups: Ints
    num_classes: int
    folds: int
    seed: int
    boxes: tuple[Box | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Located:
    """What a locator found.

    Attributes:
        weight: Of each channel of the narrow map, (C',), learned from all labelled photos.
        boxes: Where each record shows its object, xyxy in its pixels; None where the photo cannot be read.
        share: Median of the box's share of the photo.
    """

    weight: Float32s
    boxes: list[Box | None]
    share: float


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
    inside = None
    if labelled.boxes:
        both = zip(labelled.positions, labelled.boxes, strict=True)
        sizes = [(1, 1) if box is None else upright_size(records[position]) for position, box in both]
        inside = boxed_places(sizes, labelled.boxes, zoom.tiles, places, preprocess)
    held = remembered_arrays(key, lambda: fitted_scores(table, channels, labelled, inside))
    boxes: list[Box | None] = []
    shares: list[float] = []
    for record, scores in zip(records, held["scores"], strict=True):
        if np.isfinite(scores).all():
            size = upright_size(record)
            box = find_object(scores[None], preprocess, size, zoom)
            boxes.append(box)
            shares.append((box[2] - box[0]) * (box[3] - box[1]) / (size[0] * size[1]))
        else:
            boxes.append(None)
    return Located(held["weight"], boxes, float(np.median(shares)))


def _parts(labelled: Labelled) -> tuple[object, ...]:
    return tuple(getattr(labelled, field.name) for field in fields(labelled))


def boxed_places(
    sizes: Sequence[tuple[int, int]], boxes: Sequence[Box | None], tiles: int, places: int, preprocess: Preprocess
) -> Bools:
    """Return whether the centre of each of the `central_places` lies in a photo's box, (n, L).

    In a box that is smaller than a place, it is the centre nearest to the middle of the box.

    Args:
        sizes: Width and height of each photo.
        boxes: xyxy in pixels; None for no box.
        tiles: See `tile_views`.
        places: Of the map of one tile.
        preprocess: Tells which part of a photo the tiles show.
    """
    centres = place_centres(tiles, places)[central_places(tiles, places)]
    inside = np.zeros((len(boxes), len(centres)), dtype=np.bool_)
    for row, (size, box) in enumerate(zip(sizes, boxes, strict=True)):
        if box is None:
            continue
        left, top, right, bottom = preprocess.box_on_photo(*size)
        corners = (np.array(box).reshape(2, 2) - (left, top)) / (right - left, bottom - top)
        inside[row] = ((centres > corners[0]) & (centres < corners[1])).all(1)
        if not inside[row].any():
            inside[row, np.square(centres - corners.mean(0)).sum(1).argmin()] = True
    return inside


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


def fitted_scores(
    table: FeatureTable, channels: int, labelled: Labelled, in_boxes: Bools | None = None
) -> dict[str, Float32s]:
    """Return the ``weight`` (C',) of the locator, and ``scores`` (n, H * H) of all records, NaN for unreadable ones.

    Args:
        table: ``local`` of each tile of each record, (L * C',).
        channels: C'.
        labelled: The photos to learn from.
        in_boxes: Whether each of their `central_places` lies in the annotated box, (n, L); None without boxes.
    """
    chosen = thin_out(labelled.labels, LOCATOR_PHOTOS, labelled.seed)
    positions, labels, groups = labelled.positions[chosen], labelled.labels[chosen], labelled.groups[chosen]
    fold_of = fold_numbers(labels, groups, labelled.folds, labelled.seed)
    chunks = [positions[start : start + _CHUNK] for start in range(0, len(positions), _CHUNK)]
    whitening = fit_whitening(_central(table, rows, channels).reshape(-1, channels) for rows in chunks)
    features = np.concatenate([whitening(_central(table, rows, channels)) for rows in chunks])

    def fit(fold: int) -> Float32s:
        inside = fold_of != fold
        in_box = None if in_boxes is None else in_boxes[chosen[inside]]
        return whitening.components @ fit_locator(features[inside], labels[inside], labelled.num_classes, in_box)

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
