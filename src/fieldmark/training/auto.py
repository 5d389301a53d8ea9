"""``auto``: the cheap pass first, then more of everything only while it pays and the budget allows it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fieldmark.backbones.bundled import BUNDLED
from fieldmark.backbones.factory import resolve_name
from fieldmark.config import AutoSettings
from fieldmark.progress import say
from fieldmark.training.frozen import FrozenBackbone, FrozenData, Look
from fieldmark.training.member import Member, Trained

__all__ = ["CANDIDATES", "train_auto"]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

CANDIDATES: tuple[tuple[str, ...], ...] = (("avg",), ("gem",), ("cov",), ("gem", "cov"))
"""Sets of descriptors that cross-validation chooses from."""

DEFAULT_BUDGET = 180.0
"""Seconds for frozen features where the user names none."""

GOOD_ENOUGH = 0.95
"""Without a budget of the user's, nothing more expensive is tried beyond this accuracy."""

PILOT_PHOTOS = 480
PILOT_GAIN = 0.01


@dataclass(frozen=True, slots=True)
class _Rung:
    """A backbone at an image size, next in line."""

    backbone: str
    image_size: int


@dataclass(slots=True)
class _Climb:
    """State of the search: what is best so far, what was said, how much time is left."""

    data: FrozenData
    settings: AutoSettings
    started: float = field(default_factory=time.monotonic)
    steps: list[str] = field(default_factory=list)

    def note(self, line: str) -> None:
        self.steps.append(line)
        say(f"  {line}")

    @property
    def seconds_left(self) -> float:
        return (self.settings.budget or DEFAULT_BUDGET) - (time.monotonic() - self.started)


@dataclass(frozen=True)
class _Team:
    """Frozen backbones that answer together, by the mean of their probabilities."""

    parts: tuple[tuple[FrozenBackbone, Look], ...]
    probabilities: Floats
    accuracy: float

    @classmethod
    def of(cls, parts: tuple[tuple[FrozenBackbone, Look], ...], labels: Ints) -> _Team:
        probabilities = np.asarray(np.mean([_softmax(look.choice.logits) for _, look in parts], axis=0))
        truth = labels[parts[0][1].choice.positions]
        return cls(parts, probabilities, float((probabilities.argmax(1) == truth).mean()))

    @property
    def label(self) -> str:
        return " and ".join(f"{frozen.label}, {look.choice.label}" for frozen, look in self.parts)

    @cached_property
    def members(self) -> list[Member]:
        """The parts, fitted on all train photos."""
        members = [frozen.member(look, "auto") for frozen, look in self.parts]
        for member in members:
            member.weight = 1.0 / len(members)
        return members


def train_auto(data: FrozenData, settings: AutoSettings) -> Trained:
    """Climb from frozen features of the smallest backbone upwards; each step says its gain and its cost.

    Args:
        data: Train and val photos.
        settings: A `budget` of the user's lifts the limits on size.
    """
    climb = _Climb(data, settings)
    rungs = _ladder(settings)
    team = _first(climb, rungs[0])
    for rung in rungs[1:]:
        if not settings.budget and min(team.accuracy, _val_accuracy(climb, team)) >= GOOD_ENOUGH:
            climb.note(f"stopped: {GOOD_ENOUGH:.0%} is reached; a larger backbone is tried with --budget")
            break
        taken = _try(climb, team, rung)
        if taken is None:
            break
        team = taken
    return Trained(team.members, climb.steps, team.accuracy)


def _ladder(settings: AutoSettings) -> list[_Rung]:
    """The user's own backbone at growing sizes, or the packaged ones from cheap to dear."""
    small, large = BUNDLED
    if settings.backbone is None and settings.image_size is None and settings.weights is None:
        return [_Rung(small, 224), _Rung(large, 320), _Rung(large, 416)]
    name = resolve_name(settings.backbone)
    if settings.image_size is not None:
        return [_Rung(name, settings.image_size)]
    native = _native_size(name)
    return [_Rung(name, native), _Rung(name, _larger(native))]


def _first(climb: _Climb, rung: _Rung) -> _Team:
    started = time.monotonic()
    frozen = _frozen(climb, rung)
    look = frozen.look(CANDIDATES, folds=climb.settings.folds)
    team = _Team.of(((frozen, look),), climb.data.labels)
    climb.note(f"{team.label}: {team.accuracy:.3f} by cross-validation ({time.monotonic() - started:.0f} s)")
    return team


def _try(climb: _Climb, team: _Team, rung: _Rung) -> _Team | None:
    """The team with this rung, or in place of it, or None where it does not pay or does not fit the budget."""
    started = time.monotonic()
    frozen = _frozen(climb, rung)
    gain, error, seconds_a_photo = _pilot(climb, team, frozen)
    if gain < max(PILOT_GAIN, error):
        climb.note(f"not taken: {frozen.label} gains {gain:+.3f} ± {error:.3f} on a few photos")
        return None
    views = climb.settings.test_views
    cost = seconds_a_photo * views * len(climb.data.records)
    if cost > climb.seconds_left:
        climb.note(
            f"not taken: {frozen.label} promises {gain:+.3f} for {cost:.0f} s more, "
            f"and {max(0.0, climb.seconds_left):.0f} s of the budget are left"
        )
        return None
    look = frozen.look(CANDIDATES, folds=climb.settings.folds)
    labels = climb.data.labels
    alone = _Team.of(((frozen, look),), labels)
    joined = _Team.of((*team.parts, (frozen, look)), labels)
    best = max((team, alone), key=lambda one: one.accuracy)
    if joined.accuracy > best.accuracy + _standard_error(best, joined, labels):
        best = joined
    climb.note(
        f"{frozen.label}, {look.choice.label}: {alone.accuracy:.3f} alone, {joined.accuracy:.3f} with what was there "
        f"({time.monotonic() - started:.0f} s); kept: {best.label}"
    )
    return None if best is team else best


def _pilot(climb: _Climb, team: _Team, frozen: FrozenBackbone) -> tuple[float, float, float]:
    """Gain over the team's last part on a few photos, its standard error, and seconds for one view of one photo."""
    photos = _few_of_each_class(climb.data, PILOT_PHOTOS, climb.settings.seed)
    current, look = team.parts[-1]
    folds = climb.settings.folds
    before = current.look([look.choice.names], photos=photos, mirror=False, folds=folds).choice
    after_look = frozen.look([look.choice.names], photos=photos, mirror=False, folds=folds)
    truth = climb.data.labels[photos]
    better = (after_look.choice.logits.argmax(1) == truth).astype(float)
    worse = (before.logits.argmax(1) == truth).astype(float)
    difference = better - worse
    return float(difference.mean()), float(difference.std() / np.sqrt(len(photos))), after_look.seconds / len(photos)


def _frozen(climb: _Climb, rung: _Rung) -> FrozenBackbone:
    names = sorted({name for names in CANDIDATES for name in names})
    return FrozenBackbone(climb.data, climb.settings, rung.backbone, rung.image_size, names)


def _val_accuracy(climb: _Climb, team: _Team) -> float:
    """Val tells what cross-validation cannot where val was taken on another day (1.0 without val photos)."""
    if not len(climb.data.val):
        return 1.0
    probabilities = np.mean([_softmax(member.val_logits) for member in team.members], axis=0)
    return float((probabilities.argmax(1) == climb.data.labels[climb.data.val]).mean())


def _few_of_each_class(data: FrozenData, limit: int, seed: int) -> Ints:
    """Train photos, as many of each class as the limit allows, at least 4."""
    each = max(4, limit // data.num_classes)
    generator = np.random.default_rng(seed)
    labels = data.labels[data.train]
    chosen = [generator.permutation(np.flatnonzero(labels == label))[:each] for label in range(data.num_classes)]
    return np.sort(np.concatenate(chosen))


def _standard_error(one: _Team, other: _Team, labels: Ints) -> float:
    truth = labels[one.parts[0][1].choice.positions]
    disagree = (one.probabilities.argmax(1) == truth) != (other.probabilities.argmax(1) == truth)
    return float(np.sqrt(disagree.mean() / len(truth)))


def _native_size(name: str) -> int:
    import timm

    config = timm.get_pretrained_cfg(name)
    return int(config.input_size[-1]) if config else 224


def _larger(size: int) -> int:
    """About 1.4 times the size, on the grid of 32 pixels."""
    return round(size * 1.43 / 32) * 32


def _softmax(logits: Floats) -> Floats:
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(shifted / shifted.sum(1, keepdims=True), dtype=np.float32)
