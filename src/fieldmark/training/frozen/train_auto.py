"""``auto``: start with a small frozen backbone, then try larger backbones and images within the budget."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from fieldmark.backbones.bundled import BUNDLED
from fieldmark.backbones.factory import resolve_name
from fieldmark.backbones.map_choice import parse_map_choice
from fieldmark.data.photo_table import PhotoTable
from fieldmark.layers.class_balance import accuracy
from fieldmark.methods.auto import Auto
from fieldmark.methods.fine_tune import FineTune
from fieldmark.training.frozen.auto_search import AutoSearch, Candidate
from fieldmark.training.frozen.backbone_ensemble import BackboneEnsemble, hits_on_val
from fieldmark.training.frozen.choose_zoom import choose_zoom
from fieldmark.training.frozen.search_limit import TimeLimit, WorkLimit
from fieldmark.training.frozen.try_candidate import try_candidate
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
    search = AutoSearch(photos.for_training(), settings, limit, CANDIDATES)
    smallest, *larger = _candidates(settings)
    demanded = choose_zoom(search, smallest) if settings.zoom is True else None
    ensemble = _first(search, replace(smallest, zoom=demanded))
    if settings.zoom == "auto" and not _stops(search, ensemble):
        zoomed = replace(smallest, zoom=choose_zoom(search, smallest))
        ensemble = try_candidate(search, ensemble, zoomed) or ensemble
    for candidate in larger:
        if _stops(search, ensemble):
            search.note(f"stopped: {GOOD_ENOUGH:.0%} is reached; a larger backbone is tried with --budget 10m")
            break
        taken = _try(search, ensemble, candidate)
        if taken is None:
            break
        ensemble = taken
    members = ensemble.members
    if search.patient:
        members = _fine_tune(search, members, run_dir)
    return Trained(members, search.steps, ensemble.accuracy, search.next_step, settings.metric)


def _candidates(settings: Auto.Settings) -> list[Candidate]:
    """Return the user's backbone at growing sizes, or the packaged ones, the cheapest first."""
    small, large = BUNDLED
    if settings.backbone is None and settings.image_size is None and settings.weights is None:
        return [Candidate(small, 224), Candidate(large, 320), Candidate(large, 416)]
    name = resolve_name(settings.backbone)
    if settings.image_size is not None:
        return [Candidate(name, settings.image_size)]
    native = _native_size(name)
    return [Candidate(name, native), Candidate(name, _larger(native))]


def _first(search: AutoSearch, candidate: Candidate) -> BackboneEnsemble:
    started = time.monotonic()
    frozen = search.backbone(candidate)
    search.limit.begin(frozen, search.views(candidate))
    ensemble = BackboneEnsemble.of((search.read(frozen, candidate),), search.photos.labels)
    (run,) = ensemble.passes
    reached = f"{ensemble.accuracy:.3f} by cross-validation{run.given_note}"
    search.note(f"{ensemble.label}: {reached} ({time.monotonic() - started:.0f} s)")
    search.choose_judge(ensemble)
    return ensemble


def _try(search: AutoSearch, ensemble: BackboneEnsemble, candidate: Candidate) -> BackboneEnsemble | None:
    """Try a larger backbone: with zoom if zoom paid for a smaller one, and without it unless the user demands it."""
    taken = None
    if ensemble.zoom is not None:
        taken = try_candidate(search, ensemble, replace(candidate, zoom=ensemble.zoom))
    if taken is None and search.settings.zoom is not True:
        taken = try_candidate(search, ensemble, candidate)
    return taken


def _stops(search: AutoSearch, ensemble: BackboneEnsemble) -> bool:
    return not search.patient and search.accuracy(ensemble) >= GOOD_ENOUGH


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


def _native_size(name: str) -> int:
    import timm

    config = timm.get_pretrained_cfg(parse_map_choice(name).name)
    return int(config.input_size[-1]) if config else 224


def _larger(size: int) -> int:
    """Return about 1.4 times the size, on a grid of 32 pixels."""
    return round(size * 1.43 / 32) * 32
