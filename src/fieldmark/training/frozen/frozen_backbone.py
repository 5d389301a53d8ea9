"""A frozen backbone: photos to descriptors, read once through the cache."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch

from fieldmark.arrays import Ints
from fieldmark.backbones.factory import create_backbone
from fieldmark.backbones.frozen_features import FrozenFeatures
from fieldmark.backbones.runners.device import choose_device
from fieldmark.backbones.runners.run_images import ACTIVATION
from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.zoom import Zoom
from fieldmark.errors import DataError
from fieldmark.layers.class_balance import Metric
from fieldmark.layers.pooling.descriptors import DescriptorPool
from fieldmark.layers.pooling.global_pooling import CovariancePool
from fieldmark.methods.frozen_settings import FrozenSettings
from fieldmark.methods.settings_base import FitSettings
from fieldmark.training.frozen.choose_head import MAX_OUT_OF_FOLD
from fieldmark.training.frozen.fit_projection import fit_projection
from fieldmark.training.frozen.frozen_module import FrozenModule, LocalFeatures
from fieldmark.training.frozen.locate_objects import Labelled, Located, locate_objects

__all__ = ["CACHED_VIEWS", "FrozenBackbone"]

CACHED_VIEWS = 2
"""Views of the whole photo in the cache: the photo and its mirror image."""


class FrozenBackbone:
    """One backbone at one image size, frozen, with its descriptors.

    Args:
        photos: Train photos, then those of the split val; see `PhotoTable.for_training`.
        settings: Seed, weights, resize and views are used.
        metric: The accuracy that cross-validation chooses by.
        backbone: Name in timm; None for the default.
        image_size: Side in pixels; None for the backbone's own.
        descriptors: Poolings to compute; the principal components of ``cov`` come from a few of the photos.
        learn_val: Learn from a carved val, too, and know its photos by out-of-fold logits. With more than
            `MAX_OUT_OF_FOLD` photos, or views that are not cached, val is held out all the same.
        whole_photo: Read what a centred square leaves out, too, so that the object can be found there.

    Raises:
        DataError: ``crop=box`` without any box.

    Attributes:
        learned: Rows of `photos` that the head learns from.
    """

    def __init__(
        self,
        photos: PhotoTable,
        settings: FitSettings,
        backbone: str | None,
        image_size: int | None,
        descriptors: Sequence[str],
        *,
        learn_val: bool = False,
        metric: Metric = "top1",
        whole_photo: bool = False,
    ) -> None:
        self.photos = photos
        self.settings = settings
        self.metric = metric
        are_cached = len(photos) <= MAX_OUT_OF_FOLD and settings.test_views <= CACHED_VIEWS
        joins = learn_val and photos.val_carved and are_cached
        if self.learns_boxes and all(record.box is None for record in photos.records):
            raise DataError(
                f"crop=box learns from annotated boxes, but none of {len(photos)} training photos has one: give the "
                "data a column 'box', or leave crop out"
            )
        self.learned = np.arange(len(photos)) if joins else photos.positions("train")
        self.device = choose_device(settings.device)
        self.backbone = create_backbone(backbone, image_size=image_size, weights=settings.weights).eval()
        resize = "squash" if whole_photo and settings.resize == "crop" else settings.resize
        self.preprocess: Preprocess = self.backbone.preprocess(image_size, resize)
        self.pool = DescriptorPool(self.backbone, descriptors)
        if "cov" in descriptors:
            pooling = self.pool.poolings["cov"]
            assert isinstance(pooling, CovariancePool)
            fit_projection(pooling, self.backbone, self._local_places, self.preprocess, photos)
        module = FrozenModule(self.backbone, self.pool)
        dims = {**self.pool.dims, ACTIVATION: self._places}
        self.features = FrozenFeatures(module, dims, self.preprocess, device=settings.device, pixels=photos.pixels)

    @property
    def learns_val(self) -> bool:
        """Whether the head learns from the split val, too."""
        return len(self.learned) > len(self.photos.positions("train"))

    @property
    def learns_boxes(self) -> bool:
        """Whether the head learns from the annotated boxes, too."""
        return isinstance(self.settings, FrozenSettings) and self.settings.crop == "box"

    @property
    def label(self) -> str:
        return f"{self.backbone.name} at {self.preprocess.image_size} px"

    @cached_property
    def multiply_adds(self) -> int:
        """Multiply-adds of one view of one photo."""
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter, torch.no_grad():
            self.backbone.maps(self._blank)
        return int(counter.get_total_flops()) // 2  # it counts an addition and a multiplication as two

    def locate(self, chosen: Ints, zoom: Zoom, labelled: Labelled) -> Located:
        """Learn where some of the photos show their objects.

        Args:
            chosen: Their rows.
            zoom: Its `tiles`.
            labelled: Those of the chosen that the locator learns from.
        """
        return locate_objects(
            LocalFeatures(self.backbone),
            (self._local_places, self.backbone.local_channels),
            self.preprocess,
            zoom,
            [self.photos.records[index] for index in chosen],
            labelled,
            device=self.settings.device,
            content_keys=self.photos.key_of,
            description=f"looking for objects, {self.label}",
        )

    @property
    def _blank(self) -> torch.Tensor:
        side = self.preprocess.image_size
        return torch.zeros(1, 3, side, side)

    @property
    def _places(self) -> int:
        """Places of the feature map."""
        with torch.no_grad():
            return int(self.backbone(self._blank)[0, 0].numel())

    @property
    def _local_places(self) -> int:
        """Places of the narrow map."""
        with torch.no_grad():
            return int(self.backbone.maps(self._blank)[0][0, 0].numel())
