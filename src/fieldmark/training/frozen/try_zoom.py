"""The last rung of ``auto``: views that are zoomed in on the object, read by the largest backbone that was kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from fieldmark.data.photos.zoom import Zoom
from fieldmark.training.frozen.auto_search import AutoSearch
from fieldmark.training.frozen.backbone_ensemble import BackboneEnsemble

__all__ = ["try_zoom"]


def try_zoom(search: AutoSearch, ensemble: BackboneEnsemble, candidates: Sequence[tuple[str, ...]]) -> BackboneEnsemble:
    """Return the ensemble with zoomed views in its last backbone; as it is if they do not pay or exceed the budget.

    Args:
        search: The settings may demand zoomed views, or forbid them.
        ensemble: Backbones that read whole photos.
        candidates: Sets of descriptors that cross-validation chooses from.
    """
    wanted, folds = search.settings.zoom, search.settings.folds
    if wanted is False:
        return ensemble
    started, last = time.monotonic(), ensemble.passes[-1]
    read = partial(last.backbone.run, [last.choice.names], mirror=False, folds=folds)
    pilot = search.pilot(lambda photos: read(photos=photos), lambda photos: read(photos=photos, zoom=Zoom()))
    shown = f"{last.backbone.label}, zoomed"
    if wanted == "auto" and not pilot.pays:
        search.note(f"not taken: {shown} gains {pilot.gain:+.3f} ± {pilot.error:.3f} on a subset of the photos")
        return ensemble
    refusal = search.limit.refusal(last.backbone, search.views, pilot.seconds, "zoomed-")
    if wanted == "auto" and refusal is not None:
        search.note(f"not taken: {shown} promises {pilot.gain:+.3f} for {refusal}")
        return ensemble
    found = last.backbone.run(candidates, zoom=Zoom(), folds=folds)
    labels = search.photos.labels
    zoomed = BackboneEnsemble.of((*ensemble.passes[:-1], found), labels)
    kept = zoomed if wanted is True or search.surpasses(zoomed, ensemble) else ensemble
    search.note(
        f"{found.label}: {search.accuracy(zoomed):.3f} with zoom, {search.accuracy(ensemble):.3f} without "
        f"({time.monotonic() - started:.0f} s); kept: {kept.label}"
    )
    return kept
