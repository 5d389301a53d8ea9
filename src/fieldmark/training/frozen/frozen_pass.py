"""One pass of photos through a frozen backbone, and the head that cross-validation chooses on their descriptors."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fieldmark.arrays import Float32s, Ints
from fieldmark.backbones.frozen_features import FeatureTable
from fieldmark.data.photos.views import whole_views
from fieldmark.data.photos.zoom import Zoom
from fieldmark.layers.class_balance import adjusted, class_shares
from fieldmark.training.frozen.choice_cache import choice_key, photos_key, remembered_choice
from fieldmark.training.frozen.choose_head import HeadChoice, choose_head, refit
from fieldmark.training.frozen.design_matrix import DesignMatrix
from fieldmark.training.frozen.frozen_backbone import CACHED_VIEWS, FrozenBackbone
from fieldmark.training.frozen.locate_objects import Labelled

__all__ = ["FrozenPass", "run_pass"]


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
        return whole + [CACHED_VIEWS + view for view in whole] if self.zoom and self.zoom.joins else whole

    def answers_of_others(self) -> tuple[Ints, Ints]:
        """Fit the head on the learned photos of this pass; return the rows of its other photos, and their answers."""
        backbone, labels = self.backbone, self.backbone.photos.labels
        num_classes = len(backbone.photos.classes)
        held_out = ~np.isin(self.photos, backbone.learned)
        learned, others = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        known = labels[self.photos[learned]]
        scalings, head = refit(self.table, learned, known, self.choice, num_classes, backbone.device)
        views = range(self.table.views)
        per_view = [head(DesignMatrix(self.table, others, scalings, [view]).read()) for view in views]
        logits = np.mean(per_view, axis=0)
        shown = logits if backbone.metric == "top1" else adjusted(logits, class_shares(known, num_classes))
        return self.photos[others], shown.argmax(1)


def run_pass(
    backbone: FrozenBackbone,
    candidates: Sequence[tuple[str, ...]],
    *,
    photos: Ints | None = None,
    mirror: bool = True,
    zoom: Zoom | None = None,
    folds: int = 5,
) -> FrozenPass:
    """Read photos, then choose among sets of descriptors by cross-validation inside the learned photos.

    Args:
        backbone: What reads them.
        candidates: Sets of descriptors, the simplest first.
        photos: Only these photos, for a pilot; train and val for None. The head learns from the learned ones.
        mirror: Also read the mirror images.
        zoom: Also read views that are zoomed in on the object; None for none.
        folds: Number of cross-validation folds.
    """
    started = time.monotonic()
    known, seed, metric = backbone.photos, backbone.settings.seed, backbone.metric
    chosen = np.arange(len(known)) if photos is None else photos
    learned = np.flatnonzero(np.isin(chosen, backbone.learned))
    labels, num_classes = known.labels[chosen[learned]], len(known.classes)
    groups = np.array(known.groups, dtype=np.int64)[chosen[learned]]
    located = None
    if zoom is not None and zoom.tiles:
        located = backbone.locate(chosen, zoom, Labelled(learned, labels, groups, num_classes, folds, seed))
    table = backbone.features.extract(
        [known.records[index] for index in chosen],
        mirror=mirror,
        zoom=zoom,
        boxes=None if located is None else located.boxes,
        content_keys=known.key_of,
        description=f"reading photos, {backbone.label}",
    )
    seconds = time.monotonic() - started
    question = photos_key(known), chosen, learned, groups, tuple(candidates), folds, seed, zoom, metric
    locator = None if located is None else located.weight
    key = choice_key(backbone.features.key, *question, locator)
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
            device=backbone.device,
            metric=metric,
        ),
    )
    return FrozenPass(backbone, table, chosen, choice, key, seconds, zoom, locator)
