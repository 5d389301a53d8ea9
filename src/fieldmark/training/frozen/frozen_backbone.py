"""A frozen backbone: read descriptors once through the cache, then fit heads on them in seconds."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fieldmark.arrays import Bools, Float32s, Ints
from fieldmark.backbones.factory import Backbone, create_backbone
from fieldmark.backbones.frozen_features import FeatureTable, FrozenFeatures
from fieldmark.backbones.runners.device import choose_device
from fieldmark.backbones.runners.run_images import ACTIVATION
from fieldmark.backbones.weights_licence import weights_licences
from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.photos.preprocess import Preprocess
from fieldmark.data.photos.views import whole_views
from fieldmark.data.photos.zoom import Zoom
from fieldmark.layers.activation import place_activation
from fieldmark.layers.class_balance import Metric, adjusted, class_shares
from fieldmark.layers.pooling.descriptors import DescriptorPool
from fieldmark.layers.pooling.global_pooling import CovariancePool
from fieldmark.member_spec import MemberSpec
from fieldmark.methods.pooled import PooledMethod
from fieldmark.methods.settings_base import FitSettings
from fieldmark.training.frozen.choice_cache import choice_key, remembered_arrays, remembered_choice
from fieldmark.training.frozen.choose_head import MAX_OUT_OF_FOLD, HeadChoice, choose_head, refit
from fieldmark.training.frozen.design_matrix import DesignMatrix
from fieldmark.training.frozen.locate_objects import Labelled, Located, locate_objects
from fieldmark.training.frozen.out_of_fold import out_of_fold_logits
from fieldmark.training.frozen.single_thread import one_thread_each
from fieldmark.training.member import OutOfFold, TrainedMember
from fieldmark.training.method_graph import MethodGraph

__all__ = ["FrozenBackbone", "FrozenModule", "FrozenPass", "photos_key"]


PROJECTION_PHOTOS = 100
"""Photos whose local features give the principal components: 100 x 49 locations for at most 352 channels."""

_CACHED = 2  # views of the whole photo in the cache: the photo and its mirror image


@dataclass(frozen=True, slots=True)
class FrozenPass:
    """One pass of photos through a frozen backbone, and the head that cross-validation chose.

    Attributes:
        backbone: The backbone.
        table: Descriptors of `photos`.
        photos: Rows of the photo table that were read.
        choice: Descriptors and regularisation of the head.
        key: Hash of everything that the choice depends on.
        seconds: Time for reading the photos, without the cross-validation.
        zoom: How zoomed views were cut; None for none.
        locator: Weights (C',) of the locator that found the objects; None for the sum of the channels.
    """

    backbone: FrozenBackbone
    table: FeatureTable
    photos: Ints
    choice: HeadChoice
    key: str
    seconds: float
    zoom: Zoom | None = None
    locator: Float32s | None = None

    @property
    def label(self) -> str:
        return f"{self.backbone.label}{', zoomed' if self.zoom else ''}, {self.choice.label}"

    @property
    def answer_views(self) -> list[int]:
        """Views of the table whose logits an answer averages."""
        whole = list(range(whole_views(self.backbone.settings.test_views)))
        return whole + [_CACHED + view for view in whole] if self.zoom and self.zoom.joins else whole

    def answers_of_others(self) -> tuple[Ints, Ints]:
        """Fit the head on the learned photos of this pass; return the rows of its other photos, and their answers."""
        return self.backbone.answer_others(self)

    def member(self, *, calibrates: bool = True) -> TrainedMember:
        """Fit the chosen head on all learned photos and views, as a method of its own.

        Args:
            calibrates: Also compute its out-of-fold logits.
        """
        return self.backbone.fit_member(self, calibrates=calibrates)


class FrozenModule(nn.Module):
    """Images to descriptors by name, and `ACTIVATION`, for `FrozenFeatures`."""

    def __init__(self, backbone: Backbone, pool: DescriptorPool) -> None:
        super().__init__()
        self.backbone = backbone
        self.pool = pool

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        local, final, class_token = self.backbone.maps_with_class_token(images)
        return {**self.pool(local, final, class_token), ACTIVATION: place_activation(final)}


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
        settings: Seed, weights, resize and views are used.
        metric: The accuracy that cross-validation chooses by.
        backbone: Name in timm; None for the default.
        image_size: Side in pixels; None for the backbone's own.
        descriptors: Poolings to compute; the principal components of ``cov`` come from a few of the photos.
        learn_val: Learn from a carved val, too, and know its photos by out-of-fold logits. With more than
            `MAX_OUT_OF_FOLD` photos, or views that are not cached, val is held out all the same.
        whole_photo: Read what a centred square leaves out, too, so that the object can be found there.

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
        joins = learn_val and photos.val_carved and len(photos) <= MAX_OUT_OF_FOLD and settings.test_views <= _CACHED
        self.learned = np.arange(len(photos)) if joins else photos.positions("train")
        self.device = choose_device(settings.device)
        self.backbone = create_backbone(backbone, image_size=image_size, weights=settings.weights).eval()
        resize = "squash" if whole_photo and settings.resize == "crop" else settings.resize
        self.preprocess: Preprocess = self.backbone.preprocess(image_size, resize)
        self.pool = DescriptorPool(self.backbone, descriptors)
        if "cov" in descriptors:
            self._fit_projection()
        module = FrozenModule(self.backbone, self.pool)
        dims = {**self.pool.dims, ACTIVATION: self._places}
        self.features = FrozenFeatures(module, dims, self.preprocess, device=settings.device, pixels=photos.pixels)

    @property
    def learns_val(self) -> bool:
        """Whether the head learns from the split val, too."""
        return len(self.learned) > len(self.photos.positions("train"))

    @property
    def label(self) -> str:
        return f"{self.backbone.name} at {self.preprocess.image_size} px"

    @property
    def _places(self) -> int:
        """Places of the feature map."""
        side = self.preprocess.image_size
        with torch.no_grad():
            return int(self.backbone(torch.zeros(1, 3, side, side))[0, 0].numel())

    @cached_property
    def multiply_adds(self) -> int:
        """Multiply-adds of one view of one photo."""
        from torch.utils.flop_counter import FlopCounterMode

        side = self.preprocess.image_size
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            self.backbone.maps(torch.zeros(1, 3, side, side))
        return int(counter.get_total_flops()) // 2  # it counts an addition and a multiplication as two

    def run(
        self,
        candidates: Sequence[tuple[str, ...]],
        *,
        photos: Ints | None = None,
        mirror: bool = True,
        zoom: Zoom | None = None,
        folds: int = 5,
    ) -> FrozenPass:
        """Read photos, then choose among sets of descriptors by cross-validation inside the learned photos.

        Args:
            candidates: Sets of descriptors, the simplest first.
            photos: Only these photos, for a pilot; train and val for None. The head learns from the learned ones.
            mirror: Also read the mirror images.
            zoom: Also read views that are zoomed in on the object; None for none.
            folds: Number of cross-validation folds.
        """
        started = time.monotonic()
        chosen = np.arange(len(self.photos)) if photos is None else photos
        learned = np.flatnonzero(np.isin(chosen, self.learned))
        labels = self.photos.labels[chosen[learned]]
        groups = np.array(self.photos.groups, dtype=np.int64)[chosen[learned]]
        seed, num_classes = self.settings.seed, len(self.photos.classes)
        located = None
        if zoom is not None and zoom.tiles:
            located = self._locate(chosen, zoom, Labelled(learned, labels, groups, num_classes, folds, seed))
        table = self.features.extract(
            [self.photos.records[index] for index in chosen],
            mirror=mirror,
            zoom=zoom,
            boxes=None if located is None else located.boxes,
            content_keys=self.photos.key_of,
            description=f"reading photos, {self.label}",
        )
        seconds = time.monotonic() - started
        question = photos_key(self.photos), chosen, learned, groups, tuple(candidates), folds, seed, zoom, self.metric
        key = choice_key(self.features.key, *question, None if located is None else located.weight)
        choice = remembered_choice(
            key,
            lambda: choose_head(
                table,
                learned,
                labels,
                groups,
                candidates,
                num_classes,
                views=range(0, table.views, table.views // 2) if zoom and zoom.joins else (0,),
                folds=folds,
                seed=seed,
                device=self.device,
                metric=self.metric,
            ),
        )
        return FrozenPass(self, table, chosen, choice, key, seconds, zoom, None if located is None else located.weight)

    def answer_others(self, run: FrozenPass) -> tuple[Ints, Ints]:
        """See `FrozenPass.answers_of_others`."""
        held_out = ~np.isin(run.photos, self.learned)
        learned, others = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        labels = self.photos.labels[run.photos[learned]]
        scalings, head = refit(run.table, learned, labels, run.choice, len(self.photos.classes), self.device)
        per_view = [head(DesignMatrix(run.table, others, scalings, [view]).read()) for view in range(run.table.views)]
        logits, shares = np.mean(per_view, axis=0), class_shares(labels, len(self.photos.classes))
        shown = logits if self.metric == "top1" else adjusted(logits, shares)
        return run.photos[others], shown.argmax(1)

    def fit_member(self, run: FrozenPass, *, calibrates: bool) -> TrainedMember:
        """Fit the head that a pass over train and val chose; see `FrozenPass.member`."""
        photos, names, learned = self.photos, run.choice.names, self.learned
        num_classes = len(photos.classes)
        scalings, head = refit(run.table, learned, photos.labels[learned], run.choice, num_classes, self.device)
        located: dict[str, Any] = {} if run.locator is None else {"locates": True}
        method = PooledMethod(self.backbone, num_classes, poolings=names, **located)
        if run.locator is not None:
            method.set_locator(torch.from_numpy(run.locator))
        for name in names:
            method.pool.poolings[name].load_state_dict(self.pool.poolings[name].state_dict())
            method.set_scaling(name, torch.from_numpy(scalings[name].center), scalings[name].scale)
        method.set_head(torch.from_numpy(head.weight), torch.from_numpy(head.bias))
        fitted = method.fitted_tensors
        graph = MethodGraph(method, self.preprocess, zoom=run.zoom, device=self.settings.device, varies=fitted)
        views, val = self.settings.test_views, photos.positions("val", "calibration")
        out_of_fold = self._out_of_fold(run) if calibrates or self.learns_val else None
        if self.learns_val:
            assert out_of_fold is not None
            val_logits = out_of_fold.logits[val]
        elif views <= _CACHED:
            per_view = [head(DesignMatrix(run.table, val, scalings, [view]).read()) for view in run.answer_views]
            val_logits = np.asarray(np.mean(per_view, axis=0, dtype=np.float32))
        else:  # corners were not read for training
            val_logits = graph.mean_logits(photos.take(val).records, views)
        spec = MemberSpec(
            method=self.settings.method,
            options={"backbone": self.backbone.name, "poolings": list(names), **located},
            preprocess=self.preprocess,
            views=self.settings.test_views,
            zoom=run.zoom,
            weight=1.0,
            temperature=1.0,
            weights_licences=weights_licences({"backbone": self.backbone.name}, self.settings.weights),
        )

        def embed_view(positions: Ints, view: int) -> Float32s:
            return DesignMatrix(run.table, positions, scalings, [view]).read()

        def embed(positions: Ints) -> Float32s:
            each = [embed_view(positions, view) for view in run.answer_views]
            return np.asarray(np.mean(each, axis=0, dtype=np.float32))

        return TrainedMember(
            spec,
            graph,
            val_logits,
            learned_val=self.learns_val,
            out_of_fold=out_of_fold,
            embed=embed,
            embed_view=embed_view,
            cached_views=run.table.views,
        )

    def _out_of_fold(self, run: FrozenPass) -> OutOfFold | None:
        """Return the out-of-fold logits of the learned photos; None for too many photos, or views not cached."""
        views, learned = self.settings.test_views, self.learned
        if views > _CACHED or (run.choice.fold_of < 0).any():
            return None
        labels, num_classes = self.photos.labels[learned], len(self.photos.classes)

        def compute() -> dict[str, Float32s | Bools]:
            found = out_of_fold_logits(
                run.table, learned, labels, run.choice, num_classes, views=run.answer_views, device=self.device
            )
            return dict(zip(("logits", "known"), found, strict=True))

        held = remembered_arrays(choice_key("out of fold", run.key, views), compute)
        return OutOfFold(held["logits"], held["known"])

    @property
    def _local_shape(self) -> tuple[int, int]:
        """Number of places of the narrow map, and of its channels."""
        side = self.preprocess.image_size
        with torch.no_grad():
            local, _ = self.backbone.maps(torch.zeros(1, 3, side, side))
        return int(local[0, 0].numel()), int(local.shape[1])

    def _locate(self, chosen: Ints, zoom: Zoom, labelled: Labelled) -> Located:
        """Learn where the chosen photos show their objects."""
        return locate_objects(
            _LocalFeatures(self.backbone),
            self._local_shape,
            self.preprocess,
            zoom,
            [self.photos.records[index] for index in chosen],
            labelled,
            device=self.settings.device,
            content_keys=self.photos.key_of,
            description=f"looking for objects, {self.label}",
        )

    def _fit_projection(self) -> None:
        """Compute the principal components of the local features of a few photos.

        The photos are those with the smallest content keys, from train and val together. So another seed, which carves
        another val, gets the same components and the same rows in the cache. Labels and calibration photos are not
        used; calibration photos have the largest keys, so it is only on tiny data that they make a difference.
        """
        known = self.photos.key_of
        allowed = self.photos.of_role("train", "val").records
        sample = sorted(allowed, key=lambda record: known[record.path])[:PROJECTION_PHOTOS]
        width = int(np.prod(self._local_shape))
        local_features = _LocalFeatures(self.backbone)
        # On a CPU everywhere: the components are part of what keys the cached rows, so both devices share these.
        kept = self.photos.pixels
        frozen = FrozenFeatures(local_features, {"local": width}, self.preprocess, device="cpu", pixels=kept)
        table = frozen.extract(sample, mirror=False, content_keys=known, description="principal components")
        rows = torch.from_numpy(table.read("local"))
        pooling = self.pool.poolings["cov"]
        assert isinstance(pooling, CovariancePool)
        with one_thread_each(1) as pool:
            pool.submit(pooling.fit_projection, rows.reshape(-1, self.backbone.local_channels)).result()
