"""One step of ``auto``: a pilot on a few photos, then all photos, and what cross-validation keeps."""

from __future__ import annotations

import time
from dataclasses import replace

from fieldmark.training.frozen.auto_search import PATIENT_BUDGET, AutoSearch, Candidate, Pilot
from fieldmark.training.frozen.backbone_ensemble import BackboneEnsemble
from fieldmark.training.frozen.frozen_pass import FrozenPass

__all__ = ["keep_better", "try_candidate"]

_ZOOM_ERRORS = 2.0
"""Standard errors that a first zoom must gain: it multiplies the time of every answer."""


def try_candidate(search: AutoSearch, ensemble: BackboneEnsemble, candidate: Candidate) -> BackboneEnsemble | None:
    """Return the ensemble with the candidate, or the candidate only; None if it does not pay or exceeds the budget."""
    started = time.monotonic()
    frozen, views = search.backbone(candidate), search.views(candidate)
    label = f"{frozen.label}{', zoomed' if candidate.zoom else ''}"
    if candidate.zoom is not None and not search.limit.has_room(frozen, views):
        search.note(f"not tried: {label}, which needs more than a fit without --budget may spend")
        return None
    pilot = search.pilot(ensemble.passes[-1], frozen, candidate)
    if not pilot.pays:
        search.note(f"not taken: {label} gains {pilot.gain:+.3f} ± {pilot.error:.3f} on a subset of the photos")
        if not search.patient and candidate.zoom is None:
            shown = f"{label}: {_points(pilot)} on a subset"
            search.next_step = f"a larger backbone gains nothing here ({shown}); --budget 10m tries fine-tuning"
        return None
    refusal = search.limit.refusal(frozen, views, pilot.seconds, "zoomed-" if candidate.zoom else "")
    if refusal is not None:
        search.note(f"not taken: {label} promises {pilot.gain:+.3f} for {refusal}")
        search.next_step = _promise(label, pilot, pilot.seconds * views * len(search.photos))
        return None
    return keep_better(search, ensemble, search.read(frozen, candidate), candidate, started)


def keep_better(
    search: AutoSearch, ensemble: BackboneEnsemble, found: FrozenPass, candidate: Candidate, started: float
) -> BackboneEnsemble | None:
    """Return what is most accurate in cross-validation, and note it; None if that is the ensemble.

    Args:
        search: Takes the note.
        ensemble: What answers so far.
        found: All photos, as the candidate reads them.
        candidate: A first zoom must gain more than another candidate.
        started: When the pilot began, by the monotonic clock.
    """
    labels = search.photos.labels
    alone = BackboneEnsemble.of((found,), labels)
    joined = BackboneEnsemble.of((*ensemble.passes, found), labels)
    first_zoom = candidate.zoom is not None and ensemble.zoom is None
    best = ensemble
    if search.surpasses(alone, best, _ZOOM_ERRORS if first_zoom else 0.0):
        best = alone
    if search.surpasses(joined, best, _ZOOM_ERRORS if first_zoom else 1.0):
        best = joined
    shown = f"{search.accuracy(alone):.3f} alone, {search.accuracy(joined):.3f} with the backbones before it"
    search.note(f"{found.label}: {shown}{found.given_note} ({time.monotonic() - started:.0f} s); kept: {best.label}")
    if first_zoom and best is not ensemble:
        times = search.answer_views(candidate) / search.answer_views(replace(candidate, zoom=None))
        search.note(f"with zoom, answers take {times:g} times the time; --set zoom=false leaves it out")
    return None if best is ensemble else best


def _points(pilot: Pilot) -> str:
    return f"{100 * pilot.gain:+.1f} ± {100 * pilot.error:.1f} points"


def _promise(label: str, pilot: Pilot, seconds: float) -> str:
    cost = f", and takes about {seconds:.0f} s here for all photos" if seconds >= 1 else ""  # else it was cached
    return f"{label} gained {_points(pilot)} on a subset{cost}: give --budget {_minutes(seconds)}"


def _minutes(seconds: float) -> str:
    """Return a budget that leaves room for a pass of so many seconds, and lifts the limits of a fit without one."""
    return f"{max(10, 5 * round((2 * seconds + PATIENT_BUDGET) / 300))}m"
