"""Frozen backbones that answer together, and their accuracy in cross-validation and on val."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fieldmark.arrays import Bools, Ints, softmax
from fieldmark.data.photo_table import PhotoTable
from fieldmark.data.photos.zoom import Zoom
from fieldmark.layers.class_balance import Metric, accuracy, answers, class_shares
from fieldmark.training.frozen.fit_member import fit_member
from fieldmark.training.frozen.frozen_pass import FrozenPass
from fieldmark.training.member import TrainedMember

__all__ = ["BackboneEnsemble", "hits_on_val"]


@dataclass(frozen=True)
class BackboneEnsemble:
    """Frozen backbones whose probabilities are averaged.

    Attributes:
        passes: One for each backbone.
        hits: Whether each photo is answered correctly out of folds, (n,).
        labels: Classes of these photos, (n,).
    """

    passes: tuple[FrozenPass, ...]
    hits: Bools
    labels: Ints

    @classmethod
    def of(cls, passes: tuple[FrozenPass, ...], labels: Ints) -> BackboneEnsemble:
        probabilities = np.mean([softmax(one.choice.logits) for one in passes], axis=0)
        truth = labels[passes[0].choice.positions]
        shares = class_shares(truth, probabilities.shape[1])
        return cls(passes, np.asarray(answers(probabilities, shares, passes[0].backbone.metric) == truth), truth)

    @property
    def accuracy(self) -> float:
        """Out of folds, by the metric of the fit."""
        return accuracy(self.hits, self.labels, self.metric)

    @property
    def metric(self) -> Metric:
        return self.passes[0].backbone.metric

    @property
    def label(self) -> str:
        return " and ".join(one.label for one in self.passes)

    @property
    def learns_val(self) -> bool:
        return any(one.backbone.learns_val for one in self.passes)

    @property
    def zoom(self) -> Zoom | None:
        """How its backbones zoom; None if none of them does."""
        return next((one.zoom for one in self.passes if one.zoom is not None), None)

    @cached_property
    def members(self) -> list[TrainedMember]:
        """The backbones with their heads, fitted on all train photos."""
        return [fit_member(one).weighing(1.0 / len(self.passes)) for one in self.passes]


def hits_on_val(photos: PhotoTable, members: Sequence[TrainedMember], metric: Metric = "top1") -> Bools:
    """Return whether the weighted mean of the members' probabilities is right, for each photo of the role val."""
    total = sum(member.spec.weight for member in members)
    mixed = [softmax(member.val_logits) * (member.spec.weight / total) for member in members]
    val = photos.of_split("val")
    shares = class_shares(photos.labels[photos.positions("train")], len(photos.classes))
    correct = answers(np.sum(mixed, axis=0), shares, metric) == val.labels
    return np.asarray(correct[val.positions("val")])
