"""One pass of photos through a frozen backbone, and the head that cross-validation chooses on their descriptors."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fieldmark.arrays import Ints
from fieldmark.backbones.feature_table import FeatureTable
from fieldmark.data.photos.annotations import box_inside
from fieldmark.data.photos.zoom import Zoom
from fieldmark.layers.class_balance import accuracy, adjusted, class_shares, predicted
from fieldmark.structures import Box, Record
from fieldmark.training.cached_views import ONE_VIEW, CachedViews
from fieldmark.training.frozen.choice_cache import choice_key, photos_key, remembered_choice
from fieldmark.training.frozen.choose_head import HeadChoice, choose_head, refit
from fieldmark.training.frozen.design_matrix import DesignMatrix, fit_scaling
from fieldmark.training.frozen.frozen_backbone import FrozenBackbone
from fieldmark.training.frozen.locate_objects import Labelled, Located

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
        views: What the table holds of each photo.
        located: The locator that found the objects, and where; None for the sum of the channels.
    """

    backbone: FrozenBackbone
    table: FeatureTable
    photos: Ints
    choice: HeadChoice
    key: str
    seconds: float
    zoom: Zoom | None = None
    views: CachedViews = ONE_VIEW
    located: Located | None = None

    @property
    def label(self) -> str:
        return f"{self.backbone.label}{', zoomed' if self.zoom else ''}, {self.choice.label}"

    @property
    def answer_views(self) -> list[int]:
        """Views of the table whose logits an answer averages."""
        return self.views.averaged(self.backbone.settings.test_views)

    @property
    def given_accuracy(self) -> float | None:
        """Out-of-fold accuracy of answers that are told the annotated box; None where the heads learned from none."""
        if not self.views.given:
            return None
        choice, labels = self.choice, self.backbone.photos.labels
        fold = np.full(len(self.table.rows), -1)
        fold[np.flatnonzero(np.isin(self.photos, self.backbone.learned))] = choice.fold_of
        rows = choice.positions
        scalings = {name: fit_scaling(self.table, name, rows) for name in choice.names}
        logits = np.zeros_like(choice.logits)
        for number, head in enumerate(choice.heads):
            own = fold[rows] == number
            views = [head(DesignMatrix(self.table, rows[own], scalings, [view]).read()) for view in self.views.told]
            logits[own] = np.mean(views, axis=0)
        truth = labels[self.photos[rows]]
        return accuracy(predicted(logits, truth, self.backbone.metric) == truth, truth, self.backbone.metric)

    @property
    def given_note(self) -> str:
        """What a log says about answers that are told the annotated box; empty where there is none."""
        reached = self.given_accuracy
        return "" if reached is None else f", {reached:.3f} where the annotated box is given"

    def answers_of_others(self) -> tuple[Ints, Ints]:
        """Fit the head on the learned photos of this pass; return the rows of its other photos, and their answers."""
        backbone, labels = self.backbone, self.backbone.photos.labels
        num_classes = len(backbone.photos.classes)
        held_out = ~np.isin(self.photos, backbone.learned)
        learned, others = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        known = labels[self.photos[learned]]
        scalings, head = refit(self.table, learned, known, self.choice, num_classes, backbone.device)
        views = self.views.averaged(2)
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
    records = [known.records[index] for index in chosen]
    boxes = tuple(box_inside(record) for record in records) if backbone.learns_boxes else ()
    located = None
    if zoom is not None and zoom.tiles:
        own = tuple(boxes[row] for row in learned) if boxes else ()
        located = backbone.locate(chosen, zoom, Labelled(learned, labels, groups, num_classes, folds, seed, own))
    table = _read(backbone, records, zoom, located, boxes, mirror)
    views = CachedViews(2 if zoom is not None and zoom.joins else 1, any(boxes), mirror)
    seconds = time.monotonic() - started
    question = photos_key(known), chosen, learned, groups, tuple(candidates), folds, seed, zoom, metric, boxes
    key = choice_key(backbone.features.key, *question, None if located is None else located.weight)
    choice = remembered_choice(
        key,
        lambda: choose_head(
            table,
            learned,
            labels,
            groups,
            candidates,
            num_classes,
            views=views.learned,
            answered=views.answered,
            folds=folds,
            seed=seed,
            device=backbone.device,
            metric=metric,
        ),
    )
    return FrozenPass(backbone, table, chosen, choice, key, seconds, zoom, views, located)


def _read(
    backbone: FrozenBackbone,
    records: Sequence[Record],
    zoom: Zoom | None,
    located: Located | None,
    boxes: Sequence[Box | None],
    mirror: bool,
) -> FeatureTable:
    """Return the descriptors of the `CachedViews` of each photo.

    The look at the annotated object of a photo without a box is the last one that answers read.
    """
    features, label, keys = backbone.features, f"reading photos, {backbone.label}", backbone.photos.key_of
    if zoom is not None and located is not None:
        table = features.extract_boxes(
            records, located.boxes, zoom, mirror=mirror, content_keys=keys, description=f"{label}, zoomed in"
        )
    else:
        table = features.extract(records, mirror=mirror, zoom=zoom, content_keys=keys, description=label)
    boxed = [position for position, box in enumerate(boxes) if box is not None]
    if not boxed:
        return table
    given = features.extract_boxes(
        [records[position] for position in boxed],
        [boxes[position] for position in boxed],
        zoom or Zoom(),
        mirror=mirror,
        content_keys=keys,
        description=f"{label}, in their boxes",
    )
    rows = table.rows[:, -given.views :].copy()
    rows[boxed] = given.rows
    return replace(table, rows=np.concatenate([table.rows, rows], axis=1))
