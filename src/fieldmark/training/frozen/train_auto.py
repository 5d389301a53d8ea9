"""``auto``: start with a small frozen backbone, then try larger backbones and images within the budget."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fieldmark.backbones.bundled import BUNDLED
from fieldmark.backbones.factory import resolve_name
from fieldmark.backbones.map_choice import parse_map_choice
from fieldmark.data.photo_table import PhotoTable
from fieldmark.layers.class_balance import accuracy
from fieldmark.methods.auto import Auto
from fieldmark.methods.fine_tune import FineTune
from fieldmark.training.frozen.auto_search import PATIENT_BUDGET, AutoSearch
from fieldmark.training.frozen.backbone_ensemble import BackboneEnsemble, hits_on_val
from fieldmark.training.frozen.frozen_backbone import FrozenBackbone
from fieldmark.training.frozen.search_limit import TimeLimit, WorkLimit
from fieldmark.training.frozen.try_zoom import try_zoom
from fieldmark.training.gradient.train_by_gradient import train_by_gradient
from fieldmark.training.member import Trained, TrainedMember

__all__ = ["CANDIDATES", "train_auto"]

logger = logging.getLogger(__name__)


CANDIDATES: tuple[tuple[str, ...], ...] = (("avg",), ("gem",), ("cov",), ("gem", "cov"))
"""Sets of descriptors that cross-validation chooses from."""

GOOD_ENOUGH = 0.95
"""Without a larger budget, the search stops at this accuracy."""

FINE_TUNE_SECONDS = 240.0
"""Minimum seconds for fine-tuning to beat frozen features."""

FINE_TUNE_RESERVE = 15.0
"""Seconds reserved for writing the model."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A backbone at an image size."""

    backbone: str
    image_size: int


def train_auto(photos: PhotoTable, settings: Auto.Settings, run_dir: Path, *, resume: bool = False) -> Trained:
    """Start with frozen features of the smallest backbone, and try larger ones while they pay.

    Time that a budget of the user leaves goes into fine-tuning, which is kept if val shows that it helps.

    Args:
        photos: All photos of the fit; those of the test split are not used.
        settings: A `budget` lifts the limits on size.
        run_dir: Where checkpoints of the fine-tune go.
        resume: Not used: every fit starts anew.
    """
    limit = WorkLimit() if settings.budget is None else TimeLimit(settings.budget, settings.seed)
    search = AutoSearch(photos.for_training(), settings, limit)
    candidates = _candidates(settings)
    ensemble = _first(search, candidates[0])
    for candidate in candidates[1:]:
        if not search.patient and search.accuracy(ensemble) >= GOOD_ENOUGH:
            search.note(f"stopped: {GOOD_ENOUGH:.0%} is reached; a larger backbone is tried with --budget 10m")
            break
        taken = _try(search, ensemble, candidate)
        if taken is None:
            break
        ensemble = taken
    if settings.zoom is True or search.patient or search.accuracy(ensemble) < GOOD_ENOUGH:
        ensemble = try_zoom(search, ensemble, CANDIDATES)
    members = ensemble.members
    if search.patient:
        members = _fine_tune(search, members, run_dir)
    return Trained(members, search.steps, ensemble.accuracy, search.next_step, settings.metric)


def _candidates(settings: Auto.Settings) -> list[_Candidate]:
    """Return the user's backbone at growing sizes, or the packaged ones, the cheapest first."""
    small, large = BUNDLED
    if settings.backbone is None and settings.image_size is None and settings.weights is None:
        return [_Candidate(small, 224), _Candidate(large, 320), _Candidate(large, 416)]
    name = resolve_name(settings.backbone)
    if settings.image_size is not None:
        return [_Candidate(name, settings.image_size)]
    native = _native_size(name)
    return [_Candidate(name, native), _Candidate(name, _larger(native))]


def _first(search: AutoSearch, candidate: _Candidate) -> BackboneEnsemble:
    started = time.monotonic()
    frozen = _backbone(search, candidate)
    search.limit.begin(frozen, search.views)
    found = frozen.run(CANDIDATES, folds=search.settings.folds)
    ensemble = BackboneEnsemble.of((found,), search.photos.labels)
    search.note(f"{ensemble.label}: {ensemble.accuracy:.3f} by cross-validation ({time.monotonic() - started:.0f} s)")
    search.choose_judge(ensemble)
    return ensemble


def _try(search: AutoSearch, ensemble: BackboneEnsemble, candidate: _Candidate) -> BackboneEnsemble | None:
    """Return the ensemble with the candidate, or the candidate only; None if it does not pay or exceeds the budget."""
    started = time.monotonic()
    frozen = _backbone(search, candidate)
    last = ensemble.passes[-1]
    names, folds = [last.choice.names], search.settings.folds
    pilot = search.pilot(
        lambda photos: last.backbone.run(names, photos=photos, mirror=False, folds=folds),
        lambda photos: frozen.run(names, photos=photos, mirror=False, folds=folds),
    )
    gain, error = pilot.gain, pilot.error
    if not pilot.pays:
        search.note(f"not taken: {frozen.label} gains {gain:+.3f} ± {error:.3f} on a subset of the photos")
        if not search.patient:
            shown = f"{frozen.label}: {100 * gain:+.1f} ± {100 * error:.1f} points on a subset"
            search.next_step = f"a larger backbone gains nothing here ({shown}); --budget 10m tries fine-tuning"
        return None
    refusal = search.limit.refusal(frozen, search.views, pilot.seconds)
    if refusal is not None:
        search.note(f"not taken: {frozen.label} promises {gain:+.3f} for {refusal}")
        seconds = pilot.seconds * search.views * len(search.photos)
        cost = f", and takes about {seconds:.0f} s here for all photos" if seconds >= 1 else ""  # else it was cached
        promise = f"{frozen.label} gained {100 * gain:+.1f} ± {100 * error:.1f} points on a subset"
        search.next_step = f"{promise}{cost}: give --budget {_minutes(seconds)}"
        return None
    found = frozen.run(CANDIDATES, folds=search.settings.folds)
    labels = search.photos.labels
    alone = BackboneEnsemble.of((found,), labels)
    joined = BackboneEnsemble.of((*ensemble.passes, found), labels)
    best = max((ensemble, alone), key=search.accuracy)
    if search.surpasses(joined, best):
        best = joined
    shown = f"{search.accuracy(alone):.3f} alone, {search.accuracy(joined):.3f} with the backbones before it"
    search.note(f"{found.label}: {shown} ({time.monotonic() - started:.0f} s); kept: {best.label}")
    return None if best is ensemble else best


def _backbone(search: AutoSearch, candidate: _Candidate) -> FrozenBackbone:
    names = sorted({name for names in CANDIDATES for name in names})
    backbone, size = candidate.backbone, candidate.image_size
    # a fine-tune needs val photos that no member learned from
    joins, metric = not search.patient, search.settings.metric
    return FrozenBackbone(search.photos, search.settings, backbone, size, names, learn_val=joins, metric=metric)


def _fine_tune(search: AutoSearch, members: list[TrainedMember], run_dir: Path) -> list[TrainedMember]:
    """Spend the rest of the budget on fine-tuning; return the old members, the new ones or both, as val decides."""
    left = search.limit.seconds_left() - FINE_TUNE_RESERVE
    if left < FINE_TUNE_SECONDS or not len(search.photos.positions("val")):
        search.note(
            f"no fine-tuning: it needs {FINE_TUNE_SECONDS:.0f} s and val photos, {max(0.0, left):.0f} s are left"
        )
        return members
    settings = search.settings
    chosen = FineTune.Settings(
        backbone=settings.backbone,
        weights=settings.weights,
        image_size=settings.image_size,
        resize=settings.resize,
        seed=settings.seed,
        test_views=settings.test_views,
        budget=left,
    )
    tuned = train_by_gradient(search.photos, chosen, run_dir)
    search.steps += tuned.steps
    joined = [one.weighing(1.0) for one in (*members, *tuned.members)]
    choices = {"frozen features": members, "the fine-tuned one": tuned.members, "both together": joined}
    truth, metric = search.photos.labels[search.photos.positions("val")], settings.metric
    on_val = {
        name: accuracy(hits_on_val(search.photos, members, metric), truth, metric) for name, members in choices.items()
    }
    # both together are slower, so their gain must exceed chance
    error = np.sqrt(0.25 / len(search.photos.positions("val")))
    best = max(on_val, key=lambda name: on_val[name] - (0.25 * error if name == "both together" else 0.0))
    figures = ", ".join(f"{name} {reached:.3f}" for name, reached in on_val.items())
    search.note(f"on val: {figures}; kept: {best}")
    return choices[best]


def _minutes(seconds: float) -> str:
    """Return a budget that leaves room for a pass of so many seconds, and lifts the limits of a fit without one."""
    return f"{max(10, 5 * round((2 * seconds + PATIENT_BUDGET) / 300))}m"


def _native_size(name: str) -> int:
    import timm

    config = timm.get_pretrained_cfg(parse_map_choice(name).name)
    return int(config.input_size[-1]) if config else 224


def _larger(size: int) -> int:
    """Return about 1.4 times the size, on a grid of 32 pixels."""
    return round(size * 1.43 / 32) * 32
