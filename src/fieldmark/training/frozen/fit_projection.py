"""The principal components that the pooling ``cov`` reads, from the local features of a few photos."""

from __future__ import annotations

import torch

from fieldmark.backbones.factory import Backbone
from fieldmark.backbones.frozen_features import FrozenFeatures
from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.layers.pooling.global_pooling import CovariancePool
from fieldmark.training.frozen.frozen_module import LocalFeatures
from fieldmark.training.frozen.single_thread import one_thread_each

__all__ = ["PROJECTION_PHOTOS", "fit_projection"]

PROJECTION_PHOTOS = 100
"""Photos whose local features give the principal components: 100 x 49 locations for at most 352 channels."""


def fit_projection(
    pooling: CovariancePool, backbone: Backbone, places: int, preprocess: Preprocess, photos: PhotoTable
) -> None:
    """Compute the principal components of the local features of a few photos.

    The photos are those with the smallest content keys, from train and val together. So another seed, which carves
    another val, gets the same components and the same rows in the cache. Labels and calibration photos are not
    used; calibration photos have the largest keys, so it is only on tiny data that they make a difference.

    Args:
        pooling: Takes the components.
        backbone: In evaluation mode.
        places: L, of its narrow map.
        preprocess: How a photo becomes its input.
        photos: See `PhotoTable.for_training`.
    """
    known = photos.key_of
    allowed = photos.of_role("train", "val").records
    sample = sorted(allowed, key=lambda record: known[record.path])[:PROJECTION_PHOTOS]
    width = places * backbone.local_channels
    # On a CPU everywhere: the components are part of what keys the cached rows, so both devices share these.
    frozen = FrozenFeatures(LocalFeatures(backbone), {"local": width}, preprocess, device="cpu", pixels=photos.pixels)
    table = frozen.extract(sample, mirror=False, content_keys=known, description="principal components")
    rows = torch.from_numpy(table.read("local"))
    with one_thread_each(1) as pool:
        pool.submit(pooling.fit_projection, rows.reshape(-1, backbone.local_channels)).result()
