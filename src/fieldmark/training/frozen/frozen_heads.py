"""Heads on frozen features: descriptors once through the cache, then regressions that take seconds."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fieldmark.arrays import Ints
from fieldmark.backbones.factory import Backbone, create_backbone
from fieldmark.backbones.feature_cache import cache_root
from fieldmark.backbones.frozen_features import FeatureTable, FrozenFeatures
from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.views import whole_views
from fieldmark.layers.pooling.descriptors import DescriptorPool
from fieldmark.layers.pooling.global_pooling import CovariancePool
from fieldmark.methods.pooled import PooledMethod
from fieldmark.methods.settings_base import FitSettings
from fieldmark.training.frozen.choice_cache import choice_key, remembered_choice
from fieldmark.training.frozen.choose_head import HeadChoice, choose_head, refit
from fieldmark.training.frozen.design_matrix import DesignMatrix
from fieldmark.training.frozen.single_thread import one_thread_each
from fieldmark.training.graph_outputs import method_logits
from fieldmark.training.member import Member

__all__ = ["FrozenBackbone", "FrozenModule", "Look", "photos_key"]


PROJECTION_PHOTOS = 100
"""Photos whose local features give the principal components: 100 x 49 locations for at most 352 channels."""


@dataclass(frozen=True, slots=True)
class Look:
    """What cross-validation saw through one frozen backbone, and what it cost.

    Attributes:
        table: Descriptors of `photos`.
        photos: Rows of the photo table that were read.
        seconds: For reading the photos, without the cross-validation.
    """

    table: FeatureTable
    photos: Ints
    choice: HeadChoice
    seconds: float


class FrozenModule(nn.Module):
    """Images to descriptors, as `FrozenFeatures` wants it."""

    def __init__(self, backbone: Backbone, pool: DescriptorPool) -> None:
        super().__init__()
        self.backbone = backbone
        self.pool = pool

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return self.pool(*self.backbone.maps(images))  # type: ignore[no-any-return]


class _LocalFeatures(nn.Module):
    """Images to the flattened narrow map, for the principal components."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"local": self.backbone.maps(images)[0].flatten(2).transpose(1, 2).flatten(1)}


def photos_key(photos: PhotoTable) -> str:
    """Hash of the contents and labels of train and val photos, in their order."""
    rows = list(zip(photos.content_keys, photos.records.labels, strict=True))
    count = len(photos.positions("train"))
    return hashlib.blake2b(repr((rows, count)).encode(), digest_size=8).hexdigest()


class FrozenBackbone:
    """One backbone at one image size, frozen, with its descriptors.

    Args:
        photos: Train photos, then those of the split val; see `PhotoTable.for_training`.
        settings: Seed, folds, weights, resize and views are read.
        backbone: timm's name, None for the default.
        image_size: None for the backbone's own.
        descriptors: Poolings to compute; the principal components of ``cov`` come from a few of the photos.
    """

    def __init__(
        self,
        photos: PhotoTable,
        settings: FitSettings,
        backbone: str | None,
        image_size: int | None,
        descriptors: Sequence[str],
    ) -> None:
        self.photos = photos
        self.settings = settings
        self.backbone = create_backbone(backbone, image_size=image_size, weights=settings.weights).eval()
        self.preprocess: Preprocess = self.backbone.preprocess(image_size, settings.resize)
        self.pool = DescriptorPool(self.backbone, descriptors)
        if "cov" in descriptors:
            self._fit_projection()
        module = FrozenModule(self.backbone, self.pool)
        self.features = FrozenFeatures(module, self.pool.dims, self.preprocess)

    @property
    def label(self) -> str:
        return f"{self.backbone.name} at {self.preprocess.image_size} px"

    def look(
        self, candidates: Sequence[tuple[str, ...]], *, photos: Ints | None = None, mirror: bool = True, folds: int = 4
    ) -> Look:
        """Read photos, then choose among sets of descriptors by cross-validation inside train.

        Args:
            candidates: Sets of descriptors, the simplest first.
            photos: Only these train photos, for a quick look; train and val for None.
            mirror: Also read the mirror images.
            folds: Of the cross-validation.
        """
        started = time.monotonic()
        chosen = np.arange(len(self.photos)) if photos is None else photos
        table = self.features.extract(
            [self.photos.records[index] for index in chosen],
            mirror=mirror,
            content_keys=self.photos.key_of,
            description=f"reading photos, {self.label}",
        )
        seconds = time.monotonic() - started
        train = np.flatnonzero(chosen < len(self.photos.positions("train")))
        labels = self.photos.labels[chosen[train]]
        groups = np.array(self.photos.groups, dtype=np.int64)[chosen[train]]
        seed, num_classes = self.settings.seed, len(self.photos.classes)
        key = choice_key(self.features.key, photos_key(self.photos), chosen, groups, tuple(candidates), folds, seed)
        choice = remembered_choice(
            cache_root() / "choices" / f"{key}.npz",
            lambda: choose_head(table, train, labels, groups, candidates, num_classes, folds=folds, seed=seed),
        )
        return Look(table, chosen, choice, seconds)

    def member(self, look: Look, method_name: str) -> Member:
        """The chosen head, fitted on all train photos and views, as a method of its own."""
        photos, names = self.photos, look.choice.names
        train, val = photos.positions("train"), photos.positions("val", "calibration")
        num_classes = len(photos.classes)
        scalings, head = refit(look.table, train, photos.labels[train], look.choice, num_classes)
        method = PooledMethod(self.backbone, num_classes, poolings=names)
        for name in names:
            method.pool.poolings[name].load_state_dict(self.pool.poolings[name].state_dict())
            method.set_scaling(name, torch.from_numpy(scalings[name].center), scalings[name].scale)
        method.set_head(torch.from_numpy(head.weight), torch.from_numpy(head.bias))
        views = self.settings.test_views
        if views <= look.table.views:
            per_view = [head(DesignMatrix(look.table, val, scalings, [view]).read()) for view in range(views)]
            val_logits: NDArray[np.float32] = np.asarray(np.mean(per_view, axis=0, dtype=np.float32))
        else:  # corners were not read for training
            val_logits = method_logits(method, photos.take(val).records, self.preprocess, views)
        options = {"backbone": self.backbone.name, "poolings": list(names)}

        def embed(positions: Ints) -> NDArray[np.float32]:
            each = [DesignMatrix(look.table, positions, scalings, [view]).read() for view in range(whole_views(views))]
            return np.asarray(np.mean(each, axis=0, dtype=np.float32))

        return Member(
            method.eval(),
            method_name,
            options,
            self.preprocess,
            views,
            val_logits,
            fold_logits=look.choice.logits,
            fold_labels=photos.labels[look.photos[look.choice.positions]],
            embed=embed,
        )

    def _fit_projection(self) -> None:
        """Principal components of the local features of a few photos.

        They come from train and val together, by their content, so that another seed carves another val but finds
        the same components and so the same rows in the cache. Labels play no part in it, and calibration photos none
        either; those have the largest keys, so that only tiny data would come to them at all.
        """
        known = self.photos.key_of
        allowed = self.photos.of_role("train", "val").records
        sample = sorted(allowed, key=lambda record: known[record.path])[:PROJECTION_PHOTOS]
        with torch.no_grad():
            side = self.preprocess.image_size
            local, _ = self.backbone.maps(torch.zeros(1, 3, side, side))
        width = int(local[0].numel())
        frozen = FrozenFeatures(_LocalFeatures(self.backbone), {"local": width}, self.preprocess)
        table = frozen.extract(sample, mirror=False, content_keys=known, description="principal components")
        rows = torch.from_numpy(table.read("local"))
        pooling = self.pool.poolings["cov"]
        assert isinstance(pooling, CovariancePool)
        with one_thread_each(1) as pool:
            pool.submit(pooling.fit_projection, rows.reshape(-1, self.backbone.local_channels)).result()
