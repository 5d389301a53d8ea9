"""``auto``: the cheap pass first, then more of everything only while it pays and the budget allows it."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from fieldmark.arrays import Ints
from fieldmark.backbones.bundled import BUNDLED
from fieldmark.backbones.factory import resolve_name
from fieldmark.backbones.feature_cache import cache_root
from fieldmark.data.photo_table import PhotoTable
from fieldmark.methods.auto import Auto
from fieldmark.methods.fine_tune import FineTune
from fieldmark.training.frozen.backbone_ensemble import BackboneEnsemble, top1_on_val
from fieldmark.training.frozen.frozen_heads import FrozenBackbone, photos_key
from fieldmark.training.gradient.train_by_gradient import train_by_gradient
from fieldmark.training.member import Member, Trained

__all__ = ["CANDIDATES", "train_auto"]

logger = logging.getLogger(__name__)


CANDIDATES: tuple[tuple[str, ...], ...] = (("avg",), ("gem",), ("cov",), ("gem", "cov"))
"""Sets of descriptors that cross-validation chooses from."""

DEFAULT_BUDGET = 180.0
"""Seconds for frozen features where the user names none."""

GOOD_ENOUGH = 0.95
"""Within the default budget, nothing more expensive is tried beyond this accuracy."""

CONTRADICTION = 5.0
"""Standard errors by which val must lie below cross-validation to be believed instead. A val of few bursts strays by
3 or 4 of them, one that was taken in another place by 20."""

FINE_TUNE_SECONDS = 240.0
"""Less time than that makes no fine-tune on a laptop that beats frozen features."""

FINE_TUNE_RESERVE = 15.0
"""Seconds kept for writing the model."""

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

    photos: PhotoTable
    settings: Auto.Settings
    started: float = field(default_factory=time.monotonic)
    steps: list[str] = field(default_factory=list)

    def note(self, line: str) -> None:
        self.steps.append(line)
        logger.info(f"  {line}")

    @property
    def budget(self) -> float:
        return self.settings.budget or DEFAULT_BUDGET

    @property
    def patient(self) -> bool:
        """Whether the user gives more time than is spent anyway."""
        return self.budget > DEFAULT_BUDGET

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    def remembered(self, frozen: FrozenBackbone, what: str, seconds: float) -> float:
        """The seconds that `what` took the first time, remembered beside the cached features.

        A repeat reads features from the cache in no time. If it went by its own clock it would climb further and
        end with other numbers; so it decides by the clock of the first run.
        """
        folder = cache_root() / "clock"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{frozen.features.key}-{photos_key(self.photos)}-{self.settings.seed}-{what}"
        try:
            return float(file.read_text())
        except (OSError, ValueError):
            file.write_text(f"{seconds:.6f}")
            return seconds


def train_auto(photos: PhotoTable, settings: Auto.Settings, run_dir: Path, *, resume: bool = False) -> Trained:
    """Climb from frozen features of the smallest backbone upwards; each step says its gain and its cost.

    What a budget of the user's leaves after that goes into fine-tuning, which is kept where val says that it helps.

    Args:
        photos: All photos of the fit; those of the test split are not used.
        settings: A `budget` lifts the limits on size.
        run_dir: Where checkpoints of the fine-tune go.
        resume: Not used: every fit starts anew.
    """
    climb = _Climb(photos.for_training(), settings)
    rungs = _ladder(settings)
    team = _first(climb, rungs[0])
    for rung in rungs[1:]:
        if not climb.patient and _known_accuracy(climb.photos, team) >= GOOD_ENOUGH:
            climb.note(f"stopped: {GOOD_ENOUGH:.0%} is reached; a larger backbone is tried with --budget 10m")
            break
        taken = _try(climb, team, rung)
        if taken is None:
            break
        team = taken
    members = team.members
    if climb.patient:
        members = _fine_tune(climb, members, run_dir)
    return Trained(members, climb.steps, team.accuracy)


def _ladder(settings: Auto.Settings) -> list[_Rung]:
    """The user's own backbone at growing sizes, or the packaged ones from cheap to dear."""
    small, large = BUNDLED
    if settings.backbone is None and settings.image_size is None and settings.weights is None:
        return [_Rung(small, 224), _Rung(large, 320), _Rung(large, 416)]
    name = resolve_name(settings.backbone)
    if settings.image_size is not None:
        return [_Rung(name, settings.image_size)]
    native = _native_size(name)
    return [_Rung(name, native), _Rung(name, _larger(native))]


def _first(climb: _Climb, rung: _Rung) -> BackboneEnsemble:
    started = time.monotonic()
    frozen = _frozen(climb, rung)
    look = frozen.look(CANDIDATES, folds=climb.settings.folds)
    team = BackboneEnsemble.of(((frozen, look),), climb.photos.labels)
    climb.note(f"{team.label}: {team.accuracy:.3f} by cross-validation ({time.monotonic() - started:.0f} s)")
    return team


def _try(climb: _Climb, team: BackboneEnsemble, rung: _Rung) -> BackboneEnsemble | None:
    """The team with this rung, or in place of it, or None where it does not pay or does not fit the budget."""
    started = time.monotonic()
    frozen = _frozen(climb, rung)
    gain, error, seconds_a_photo = _pilot(climb, team, frozen)
    seconds_a_photo = climb.remembered(frozen, "photo", seconds_a_photo)
    left = climb.budget - climb.remembered(frozen, "before", climb.elapsed)
    if gain < max(PILOT_GAIN, error):
        climb.note(f"not taken: {frozen.label} gains {gain:+.3f} ± {error:.3f} on a few photos")
        return None
    cost = seconds_a_photo * min(2, climb.settings.test_views) * len(climb.photos)
    if cost > left:
        climb.note(
            f"not taken: {frozen.label} promises {gain:+.3f} for {cost:.0f} s more, "
            f"and {max(0.0, left):.0f} s of the budget are left"
        )
        return None
    look = frozen.look(CANDIDATES, folds=climb.settings.folds)
    labels = climb.photos.labels
    alone = BackboneEnsemble.of(((frozen, look),), labels)
    joined = BackboneEnsemble.of((*team.parts, (frozen, look)), labels)
    best = max((team, alone), key=lambda one: one.accuracy)
    if joined.accuracy > best.accuracy + best.standard_error(joined, labels):
        best = joined
    climb.note(
        f"{frozen.label}, {look.choice.label}: {alone.accuracy:.3f} alone, {joined.accuracy:.3f} with what was there "
        f"({time.monotonic() - started:.0f} s); kept: {best.label}"
    )
    return None if best is team else best


def _pilot(climb: _Climb, team: BackboneEnsemble, frozen: FrozenBackbone) -> tuple[float, float, float]:
    """Gain over the team's last part on a few photos, its standard error, and seconds for one view of one photo."""
    photos = _few_of_each_class(climb.photos, PILOT_PHOTOS, climb.settings.seed)
    current, look = team.parts[-1]
    folds = climb.settings.folds
    before = current.look([look.choice.names], photos=photos, mirror=False, folds=folds).choice
    after_look = frozen.look([look.choice.names], photos=photos, mirror=False, folds=folds)
    truth = climb.photos.labels[photos]
    better = (after_look.choice.logits.argmax(1) == truth).astype(float)
    worse = (before.logits.argmax(1) == truth).astype(float)
    difference = better - worse
    return float(difference.mean()), float(difference.std() / np.sqrt(len(photos))), after_look.seconds / len(photos)


def _frozen(climb: _Climb, rung: _Rung) -> FrozenBackbone:
    names = sorted({name for names in CANDIDATES for name in names})
    return FrozenBackbone(climb.photos, climb.settings, rung.backbone, rung.image_size, names)


def _known_accuracy(photos: PhotoTable, team: BackboneEnsemble) -> float:
    """Cross-validation's accuracy, unless val contradicts it: val may have been taken on another day."""
    count = len(photos.positions("val"))
    if not count or team.accuracy < GOOD_ENOUGH:
        return team.accuracy
    on_val = top1_on_val(photos, team.members)
    error = np.sqrt(max(team.accuracy * (1.0 - team.accuracy), 1e-4) / count)
    return on_val if on_val < team.accuracy - CONTRADICTION * error else team.accuracy


def _fine_tune(climb: _Climb, members: list[Member], run_dir: Path) -> list[Member]:
    """Members after the rest of the budget went into fine-tuning: the old, the new, or both, as val says."""
    left = climb.budget - climb.elapsed - FINE_TUNE_RESERVE
    if left < FINE_TUNE_SECONDS or not len(climb.photos.positions("val")):
        climb.note(
            f"no fine-tuning: it needs {FINE_TUNE_SECONDS:.0f} s and val photos, {max(0.0, left):.0f} s are left"
        )
        return members
    settings = climb.settings
    chosen = FineTune.Settings(
        backbone=settings.backbone,
        weights=settings.weights,
        image_size=settings.image_size,
        resize=settings.resize,
        seed=settings.seed,
        test_views=settings.test_views,
        budget=left,
    )
    tuned = train_by_gradient(climb.photos, chosen, run_dir)
    climb.steps += tuned.steps
    joined = [replace(one, weight=1.0) for one in (*members, *tuned.members)]
    choices = {"frozen features": members, "the fine-tuned one": tuned.members, "both together": joined}
    on_val = {name: top1_on_val(climb.photos, team) for name, team in choices.items()}
    # both together answer slower, so they must gain more than chance
    error = np.sqrt(0.25 / len(climb.photos.positions("val")))
    best = max(on_val, key=lambda name: on_val[name] - (0.25 * error if name == "both together" else 0.0))
    figures = ", ".join(f"{name} {accuracy:.3f}" for name, accuracy in on_val.items())
    climb.note(f"on val: {figures}; kept: {best}")
    return choices[best]


def _few_of_each_class(photos: PhotoTable, limit: int, seed: int) -> Ints:
    """Train photos, as many of each class as the limit allows, at least 4."""
    each = max(4, limit // len(photos.classes))
    generator = np.random.default_rng(seed)
    labels = photos.labels[photos.positions("train")]
    chosen = [generator.permutation(np.flatnonzero(labels == label))[:each] for label in range(len(photos.classes))]
    return np.sort(np.concatenate(chosen))


def _native_size(name: str) -> int:
    import timm

    config = timm.get_pretrained_cfg(name)
    return int(config.input_size[-1]) if config else 224


def _larger(size: int) -> int:
    """About 1.4 times the size, on the grid of 32 pixels."""
    return round(size * 1.43 / 32) * 32
