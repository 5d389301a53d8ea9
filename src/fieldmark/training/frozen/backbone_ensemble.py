"""Frozen backbones that answer together, and their accuracy in cross-validation and on val."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fieldmark.arrays import Floats, Ints, softmax
from fieldmark.data.photo_table import PhotoTable
from fieldmark.training.frozen.frozen_backbone import FrozenPass
from fieldmark.training.member import TrainedMember

__all__ = ["BackboneEnsemble", "top1_on_val"]


@dataclass(frozen=True)
class BackboneEnsemble:
    """Frozen backbones whose probabilities are averaged.

    Attributes:
        passes: One for each backbone.
        probabilities: (n, K) out of folds.
        accuracy: Out-of-fold top-1.
    """

    passes: tuple[FrozenPass, ...]
    probabilities: Floats
    accuracy: float

    @classmethod
    def of(cls, passes: tuple[FrozenPass, ...], labels: Ints) -> BackboneEnsemble:
        probabilities = np.asarray(np.mean([softmax(one.choice.logits) for one in passes], axis=0))
        truth = labels[passes[0].choice.positions]
        return cls(passes, probabilities, float((probabilities.argmax(1) == truth).mean()))

    @property
    def label(self) -> str:
        return " and ".join(one.label for one in self.passes)

    @property
    def learns_val(self) -> bool:
        return any(one.backbone.learns_val for one in self.passes)

    @cached_property
    def members(self) -> list[TrainedMember]:
        """The backbones with their heads, fitted on all train photos."""
        return [one.member().weighing(1.0 / len(self.passes)) for one in self.passes]

    def standard_error(self, other: BackboneEnsemble, labels: Ints) -> float:
        """Return the standard error of the difference of two accuracies on the same photos."""
        truth = labels[self.passes[0].choice.positions]
        disagree = (self.probabilities.argmax(1) == truth) != (other.probabilities.argmax(1) == truth)
        return float(np.sqrt(disagree.mean() / len(truth)))


def top1_on_val(photos: PhotoTable, members: Sequence[TrainedMember]) -> float:
    """Return the top-1 of the weighted mean of the members' probabilities, on the photos of the role val."""
    total = sum(member.spec.weight for member in members)
    mixed = [softmax(member.val_logits) * (member.spec.weight / total) for member in members]
    val = photos.of_split("val")
    correct = np.sum(mixed, axis=0).argmax(1) == val.labels
    return float(correct[val.positions("val")].mean())
