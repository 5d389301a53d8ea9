"""Frozen backbones that answer together, and what cross-validation and val say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fieldmark.arrays import Float32s, Ints
from fieldmark.data.photo_table import PhotoTable
from fieldmark.training.frozen.frozen_heads import FrozenBackbone, Look
from fieldmark.training.member import Member

__all__ = ["BackboneEnsemble", "softmax", "top1_on_val"]


@dataclass(frozen=True)
class BackboneEnsemble:
    """Frozen backbones that answer together, by the mean of their probabilities."""

    parts: tuple[tuple[FrozenBackbone, Look], ...]
    probabilities: Float32s
    accuracy: float

    @classmethod
    def of(cls, parts: tuple[tuple[FrozenBackbone, Look], ...], labels: Ints) -> BackboneEnsemble:
        probabilities = np.asarray(np.mean([softmax(look.choice.logits) for _, look in parts], axis=0))
        truth = labels[parts[0][1].choice.positions]
        return cls(parts, probabilities, float((probabilities.argmax(1) == truth).mean()))

    @property
    def label(self) -> str:
        return " and ".join(f"{frozen.label}, {look.choice.label}" for frozen, look in self.parts)

    @cached_property
    def members(self) -> list[Member]:
        """The parts, fitted on all train photos."""
        members = [frozen.member(look, frozen.settings.method) for frozen, look in self.parts]
        for member in members:
            member.weight = 1.0 / len(members)
        return members

    def standard_error(self, other: BackboneEnsemble, labels: Ints) -> float:
        """Of the difference between two teams' accuracies on the same photos."""
        truth = labels[self.parts[0][1].choice.positions]
        disagree = (self.probabilities.argmax(1) == truth) != (other.probabilities.argmax(1) == truth)
        return float(np.sqrt(disagree.mean() / len(truth)))


def top1_on_val(photos: PhotoTable, members: Sequence[Member]) -> float:
    """Top-1 of the weighted mean of the members' probabilities, on the val photos that may choose."""
    total = sum(member.weight for member in members)
    mixed = [softmax(member.val_logits) * (member.weight / total) for member in members]
    val = photos.of_split("val")
    correct = np.sum(mixed, axis=0).argmax(1) == val.labels
    return float(correct[val.positions("val")].mean())


def softmax(logits: Float32s) -> Float32s:
    """Probabilities (n, K) of logits (n, K)."""
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(shifted / shifted.sum(1, keepdims=True), dtype=np.float32)
